DROP TABLE IF EXISTS drip_worker;
