DROP TABLE IF EXISTS drip_schedule;
