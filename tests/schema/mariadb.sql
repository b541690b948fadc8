CREATE TABLE `drip_job` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `state` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'available',
  `queue` varchar(127) NOT NULL DEFAULT 'default',
  `kind` varchar(127) NOT NULL,
  `priority` tinyint(4) NOT NULL DEFAULT 1,
  `args` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '{}' CHECK (json_valid(`args`)),
  `metadata` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '{}' CHECK (json_valid(`metadata`)),
  `tags` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '[]' CHECK (json_valid(`tags`)),
  `attempt` bigint(20) NOT NULL DEFAULT 0,
  `max_attempts` bigint(20) NOT NULL DEFAULT 25,
  `claim_seq` bigint(20) NOT NULL DEFAULT 0,
  `snooze_count` bigint(20) NOT NULL DEFAULT 0,
  `crash_count` bigint(20) NOT NULL DEFAULT 0,
  `errors` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '[]' CHECK (json_valid(`errors`)),
  `attempted_by` varchar(255) DEFAULT NULL,
  `attempted_at` datetime(6) DEFAULT NULL,
  `scheduled_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `created_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `finalized_at` datetime(6) DEFAULT NULL,
  `expires_at` datetime(6) DEFAULT NULL,
  `timeout_ms` bigint(20) DEFAULT NULL,
  `ephemeral` tinyint(1) NOT NULL DEFAULT 0,
  `unique_key` varbinary(32) DEFAULT NULL,
  `unique_states` smallint(6) DEFAULT NULL,
  `unique_active` varbinary(32) GENERATED ALWAYS AS (if(`unique_states` >> case `state` when 'available' then 0 when 'running' then 1 when 'completed' then 2 when 'retryable' then 3 when 'discarded' then 4 when 'cancelled' then 5 when 'scheduled' then 6 when 'pending' then 7 end & 1 = 1,`unique_key`,NULL)) VIRTUAL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `drip_job_unique` (`unique_active` DESC),
  KEY `drip_job_claim` (`state`,`queue`,`priority`,`scheduled_at`,`id`),
  KEY `drip_job_due` (`state`,`scheduled_at`),
  KEY `drip_job_final` (`state`,`queue`,`finalized_at`),
  KEY `drip_job_kind` (`kind`),
  KEY `drip_job_expiring` (`expires_at`),
  CONSTRAINT `drip_job_state` CHECK (`state` in ('available','running','completed','retryable','discarded','cancelled','scheduled','pending')),
  CONSTRAINT `drip_job_finalized` CHECK (`finalized_at` is not null = `state` in ('completed','discarded','cancelled')),
  CONSTRAINT `drip_job_queue` CHECK (octet_length(`queue`) between 1 and 127),
  CONSTRAINT `drip_job_kind` CHECK (octet_length(`kind`) between 1 and 127),
  CONSTRAINT `drip_job_priority` CHECK (`priority` between 1 and 4),
  CONSTRAINT `drip_job_max_attempts` CHECK (`max_attempts` >= 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `drip_migration` (
  `version` bigint(20) NOT NULL,
  `applied_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  PRIMARY KEY (`version`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `drip_queue` (
  `name` varchar(127) NOT NULL,
  `paused_at` datetime(6) DEFAULT NULL,
  `metadata` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '{}' CHECK (json_valid(`metadata`)),
  `created_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `updated_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  PRIMARY KEY (`name`),
  CONSTRAINT `drip_queue_name` CHECK (octet_length(`name`) between 1 and 127)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `drip_schedule` (
  `name` varchar(127) NOT NULL,
  `every_ms` bigint(20) DEFAULT NULL,
  `offset_ms` bigint(20) NOT NULL DEFAULT 0,
  `cron` varchar(255) DEFAULT NULL,
  `time_zone` varchar(127) DEFAULT NULL,
  `kind` varchar(127) NOT NULL,
  `queue` varchar(127) NOT NULL DEFAULT 'default',
  `args` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '{}' CHECK (json_valid(`args`)),
  `metadata` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '{}' CHECK (json_valid(`metadata`)),
  `options` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '{}' CHECK (json_valid(`options`)),
  `catch_up` bigint(20) NOT NULL DEFAULT 1,
  `grace_ms` bigint(20) NOT NULL DEFAULT 60000,
  `jitter_ms` bigint(20) NOT NULL DEFAULT 0,
  `next_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `last_slot_at` datetime(6) DEFAULT NULL,
  `last_job_id` bigint(20) DEFAULT NULL,
  `paused_at` datetime(6) DEFAULT NULL,
  `retired_at` datetime(6) DEFAULT NULL,
  `owner` varchar(127) DEFAULT NULL,
  `created_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `updated_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  PRIMARY KEY (`name`),
  KEY `drip_schedule_due` (`next_at`,`name`),
  CONSTRAINT `drip_schedule_name` CHECK (octet_length(`name`) between 1 and 127),
  CONSTRAINT `drip_schedule_rule` CHECK (`every_ms` is null <> (`cron` is null) and `cron` is null = (`time_zone` is null)),
  CONSTRAINT `drip_schedule_catch_up` CHECK (`catch_up` between 0 and 100)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `drip_timetable` (
  `task` varchar(127) NOT NULL,
  `next_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `runner` varchar(255) DEFAULT NULL,
  `lease_until` datetime(6) DEFAULT NULL,
  `runs` bigint(20) NOT NULL DEFAULT 0,
  `started_at` datetime(6) DEFAULT NULL,
  `finished_at` datetime(6) DEFAULT NULL,
  `changed` bigint(20) DEFAULT NULL,
  `error` text DEFAULT NULL,
  PRIMARY KEY (`task`),
  CONSTRAINT `drip_timetable_task` CHECK (octet_length(`task`) between 1 and 127)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE `drip_worker` (
  `id` varchar(255) NOT NULL,
  `label` varchar(127) NOT NULL,
  `host` varchar(255) DEFAULT NULL,
  `pid` bigint(20) DEFAULT NULL,
  `version` varchar(64) DEFAULT NULL,
  `queues` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '[]' CHECK (json_valid(`queues`)),
  `kinds` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '[]' CHECK (json_valid(`kinds`)),
  `concurrency` bigint(20) DEFAULT NULL,
  `lease_ms` bigint(20) NOT NULL,
  `beats` bigint(20) NOT NULL DEFAULT 0,
  `started_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `heartbeat_at` datetime(6) NOT NULL DEFAULT utc_timestamp(6),
  `claimed_at` datetime(6) DEFAULT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `drip_worker_id` CHECK (octet_length(`id`) between 1 and 255)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
