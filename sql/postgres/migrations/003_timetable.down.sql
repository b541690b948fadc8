DROP TABLE IF EXISTS drip_timetable;
