-- Every table of the nightly round. Runs on MySQL 8.0/8.4, Aurora MySQL 3 and MariaDB 10.6+, and may be applied again.

CREATE TABLE IF NOT EXISTS tenants (
    id          INT UNSIGNED NOT NULL PRIMARY KEY,
    name        VARCHAR(100) NOT NULL,
    created_at  DATETIME(6)  NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A tenant has one channel. rate_per_s is lowered where other tools share the channel; NULL means the default.
CREATE TABLE IF NOT EXISTS line_channels (
    tenant_id   INT UNSIGNED NOT NULL PRIMARY KEY,
    channel_id  VARCHAR(20) CHARACTER SET ascii NOT NULL,
    rate_per_s  SMALLINT UNSIGNED NULL CHECK (rate_per_s BETWEEN 1 AND 2000),
    CONSTRAINT line_channels_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS job_seekers (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id     INT UNSIGNED    NOT NULL,
    user_id       BIGINT UNSIGNED NULL,
    external_key  VARCHAR(64)     NOT NULL,
    created_at    DATETIME(6)     NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY job_seekers_external_key (tenant_id, external_key),
    CONSTRAINT job_seekers_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The clustered key is (tenant, job seeker): the round reads and writes in that order.
-- settled_run_id and last_outcome are the settle guard: which run answered for this row last, and how.
-- not_friend_nights counts the nights running on which LINE said 404; asked_run_id is not kept, the run id tells.
CREATE TABLE IF NOT EXISTS line_accounts (
    tenant_id          INT UNSIGNED     NOT NULL,
    job_seeker_id      BIGINT UNSIGNED  NOT NULL,
    line_user_id       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    friend_status      ENUM ('unknown', 'friend', 'not_friend', 'invalid') NOT NULL DEFAULT 'unknown',
    last_outcome       ENUM ('friend', 'not_friend', 'invalid', 'failed') NULL,
    settled_run_id     BIGINT UNSIGNED  NOT NULL DEFAULT 0,
    status_checked_at  DATETIME(6)      NULL,
    not_friend_nights  SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, job_seeker_id),
    UNIQUE KEY line_accounts_job_seeker (job_seeker_id),
    UNIQUE KEY line_accounts_line_user (tenant_id, line_user_id),
    CONSTRAINT line_accounts_seeker FOREIGN KEY (job_seeker_id) REFERENCES job_seekers (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS line_friend_status_changes (
    id             BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id      INT UNSIGNED    NOT NULL,
    job_seeker_id  BIGINT UNSIGNED NOT NULL,
    run_id         BIGINT UNSIGNED NOT NULL,
    from_status    ENUM ('unknown', 'friend', 'not_friend', 'invalid') NOT NULL,
    to_status      ENUM ('unknown', 'friend', 'not_friend', 'invalid') NOT NULL,
    observed_at    DATETIME(6)     NOT NULL,
    KEY line_friend_status_changes_seeker (tenant_id, job_seeker_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- announced_state is the state the bus was last told: an ended run whose announcement was lost is announced again.
CREATE TABLE IF NOT EXISTS runs (
    run_id           BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    state            ENUM ('dispatching', 'running', 'completed', 'completed_with_failures') NOT NULL,
    announced_state  ENUM ('completed', 'completed_with_failures') NULL,
    started_at       DATETIME(6) NOT NULL,
    dispatched_at    DATETIME(6) NULL,
    ended_at         DATETIME(6) NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row per tenant and run, made before the first chunk is sent. seekers stays NULL until all chunks are sent.
CREATE TABLE IF NOT EXISTS run_tenants (
    run_id       BIGINT UNSIGNED NOT NULL,
    tenant_id    INT UNSIGNED    NOT NULL,
    state        ENUM ('pending', 'dispatched', 'skipped', 'closed') NOT NULL DEFAULT 'pending',
    reason       VARCHAR(200)    NULL,
    seekers      INT UNSIGNED    NULL,
    chunks       INT UNSIGNED    NULL,
    friends      INT UNSIGNED    NOT NULL DEFAULT 0,
    not_friends  INT UNSIGNED    NOT NULL DEFAULT 0,
    invalid      INT UNSIGNED    NOT NULL DEFAULT 0,
    failed       INT UNSIGNED    NOT NULL DEFAULT 0,
    passed_over  INT UNSIGNED    NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, tenant_id),
    CONSTRAINT run_tenants_run FOREIGN KEY (run_id) REFERENCES runs (run_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Whom a run counted where no row of line_accounts has to tell of it: those found deleted or settled by a later run, and
-- those it gave up on, lest they be counted again once their row is gone. An ended run's rows are not needed any more.
CREATE TABLE IF NOT EXISTS run_passed_over (
    run_id         BIGINT UNSIGNED NOT NULL,
    job_seeker_id  BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (run_id, job_seeker_id),
    CONSTRAINT run_passed_over_run FOREIGN KEY (run_id) REFERENCES runs (run_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
