-- Every table of the nightly round, of the motivation notifications and of bulk registration. Runs on MySQL 8.0/8.4, Aurora MySQL 3 and MariaDB 10.6+, and may be applied again.

-- language is that of the messages the tenant's channel sends.
CREATE TABLE IF NOT EXISTS tenants (
    id          INT UNSIGNED NOT NULL PRIMARY KEY,
    name        VARCHAR(100) NOT NULL,
    language    ENUM ('ja', 'en') NOT NULL DEFAULT 'ja',
    created_at  DATETIME(6)  NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A tenant has one channel. rate_per_s is lowered where other tools share the channel; NULL means the default.
-- check_by says how its job seekers are asked: one by one, by its list of followers, or (auto) by the list where LINE
-- allows it; followers_allowed is what LINE said when it was asked last, at followers_probed_at.
-- More losses in a run than hold_over_percent of its friends and than hold_over_seekers are held; NULL means 5 and 50.
CREATE TABLE IF NOT EXISTS line_channels (
    tenant_id   INT UNSIGNED NOT NULL PRIMARY KEY,
    channel_id  VARCHAR(20) CHARACTER SET ascii NOT NULL,
    rate_per_s  SMALLINT UNSIGNED NULL CHECK (rate_per_s BETWEEN 1 AND 2000),
    check_by            ENUM ('auto', 'profile', 'followers') NOT NULL DEFAULT 'auto',
    followers_allowed   BOOLEAN NULL,
    followers_probed_at DATETIME(6) NULL,
    hold_over_percent   TINYINT UNSIGNED NULL CHECK (hold_over_percent <= 100),
    hold_over_seekers   INT UNSIGNED NULL,
    CONSTRAINT line_channels_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- user_id is the person behind it, who may be a job seeker of several tenants; NULL where nobody has claimed the entry.
-- external_key is the tenant's own name for the entry, compared exactly: the default collation takes 'a' for 'A'.
CREATE TABLE IF NOT EXISTS job_seekers (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id     INT UNSIGNED    NOT NULL,
    user_id       BIGINT UNSIGNED NULL,
    external_key  VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_at    DATETIME(6)     NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    UNIQUE KEY job_seekers_external_key (tenant_id, external_key),
    KEY job_seekers_user (user_id, tenant_id),
    CONSTRAINT job_seekers_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The clustered key is (tenant, job seeker): the round reads and writes in that order.
-- settled_run_id and last_outcome are the settle guard: which run answered for this row last, and how.
-- not_friend_nights counts the nights running on which LINE said 404; asked_run_id is not kept, the run id tells.
-- linked_at is since when the row has another LINE id than it had before: runs that began earlier may ask about that one.
CREATE TABLE IF NOT EXISTS line_accounts (
    tenant_id          INT UNSIGNED     NOT NULL,
    job_seeker_id      BIGINT UNSIGNED  NOT NULL,
    line_user_id       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    friend_status      ENUM ('unknown', 'friend', 'not_friend', 'invalid') NOT NULL DEFAULT 'unknown',
    last_outcome       ENUM ('friend', 'not_friend', 'invalid', 'failed') NULL,
    settled_run_id     BIGINT UNSIGNED  NOT NULL DEFAULT 0,
    status_checked_at  DATETIME(6)      NULL,
    not_friend_nights  SMALLINT UNSIGNED NOT NULL DEFAULT 0,
    linked_at          DATETIME(6)      NULL,
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
    state            ENUM ('dispatching', 'running', 'completed', 'completed_with_failures', 'completed_with_holds')
                     NOT NULL,
    announced_state  ENUM ('completed', 'completed_with_failures', 'completed_with_holds') NULL,
    started_at       DATETIME(6) NOT NULL,
    dispatched_at    DATETIME(6) NULL,
    ended_at         DATETIME(6) NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row per tenant and run, made before the first chunk is sent. seekers and chunks stay NULL until all chunks are sent;
-- of a sweep, chunks until it has counted: until then seekers is the dispatcher's guess.
-- The valve (domain/valve.py): lost counts the friends who turned into non-friends, lost_unwritten those of them whose
-- status waits in run_losses; friends_before and the bounds are as they were when the run began.
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
    friends_before     INT UNSIGNED     NOT NULL DEFAULT 0,
    hold_over_percent  TINYINT UNSIGNED NOT NULL DEFAULT 5,
    hold_over_seekers  INT UNSIGNED     NOT NULL DEFAULT 50,
    valve              ENUM ('open', 'held', 'released', 'discarded') NOT NULL DEFAULT 'open',
    lost               INT UNSIGNED     NOT NULL DEFAULT 0,
    lost_unwritten     INT UNSIGNED     NOT NULL DEFAULT 0,
    hold_announced     BOOLEAN          NOT NULL DEFAULT FALSE,
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

-- Friends lost in a run, until the tenant is judged: their status is written from here, or they are dropped.
CREATE TABLE IF NOT EXISTS run_losses (
    run_id         BIGINT UNSIGNED NOT NULL,
    tenant_id      INT UNSIGNED    NOT NULL,
    job_seeker_id  BIGINT UNSIGNED NOT NULL,
    outcome        ENUM ('not_friend', 'invalid') NOT NULL,
    observed_at    DATETIME(6)     NOT NULL,
    PRIMARY KEY (run_id, tenant_id, job_seeker_id),
    CONSTRAINT run_losses_run FOREIGN KEY (run_id) REFERENCES runs (run_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS users (
    id                          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    display_name                VARCHAR(100)    NOT NULL,
    notifications_opted_out_at  DATETIME(6)     NULL,
    deleted_at                  DATETIME(6)     NULL,
    created_at                  DATETIME(6)     NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A connection is stored twice, once from each side: then one stretch of the primary key is all connections of a user.
-- Stored once it would need a second index of the same size, and a UNION to read both. The mirrored row is also why the
-- other side needs no foreign key, and so no index of its own.
CREATE TABLE IF NOT EXISTS user_connections (
    user_id            BIGINT UNSIGNED NOT NULL,
    connected_user_id  BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (user_id, connected_user_id),
    CONSTRAINT user_connections_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A recruiter is a user who has conditions: wants to hear of everybody whose motivation of that kind comes to be that.
-- The key begins with what the audience asks for.
CREATE TABLE IF NOT EXISTS scout_conditions (
    kind        ENUM ('job_change', 'side_job') NOT NULL,
    motivation  ENUM ('none', 'open', 'considering', 'active') NOT NULL,
    user_id     BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (kind, motivation, user_id),
    CONSTRAINT scout_conditions_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS user_job_change_motivation_histories (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id     BIGINT UNSIGNED NOT NULL,
    motivation  ENUM ('none', 'open', 'considering', 'active') NOT NULL,
    changed_at  DATETIME(6)     NOT NULL,
    CONSTRAINT job_change_histories_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS user_side_job_motivation_histories (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id     BIGINT UNSIGNED NOT NULL,
    motivation  ENUM ('none', 'open', 'considering', 'active') NOT NULL,
    changed_at  DATETIME(6)     NOT NULL,
    CONSTRAINT side_job_histories_user FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Whom LINE accepted which change for. The unique key makes recording idempotent; the other one holds all that the
-- summary reads, by day. The constraints have names because the server's own would be longer than the 64 it allows.
-- user_id has no foreign key: it would cost an index as large as the table's others, and users are never deleted.
CREATE TABLE IF NOT EXISTS user_job_change_motivation_history_notification_target_users (
    id                                     BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_job_change_motivation_history_id  BIGINT UNSIGNED NOT NULL,
    user_id                                BIGINT UNSIGNED NOT NULL,
    created_at                             DATETIME(6)     NOT NULL,
    UNIQUE KEY job_change_targets_once (user_job_change_motivation_history_id, user_id),
    KEY job_change_targets_told (created_at, user_id, user_job_change_motivation_history_id),
    CONSTRAINT job_change_targets_history FOREIGN KEY (user_job_change_motivation_history_id)
        REFERENCES user_job_change_motivation_histories (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS user_side_job_motivation_history_notification_target_users (
    id                                   BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_side_job_motivation_history_id  BIGINT UNSIGNED NOT NULL,
    user_id                              BIGINT UNSIGNED NOT NULL,
    created_at                           DATETIME(6)     NOT NULL,
    UNIQUE KEY side_job_targets_once (user_side_job_motivation_history_id, user_id),
    KEY side_job_targets_told (created_at, user_id, user_side_job_motivation_history_id),
    CONSTRAINT side_job_targets_history FOREIGN KEY (user_side_job_motivation_history_id)
        REFERENCES user_side_job_motivation_histories (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Made when a change is told for the first time, in one transaction with its notifications: from then on its audience is
-- fixed, and nobody asks for it again.
CREATE TABLE IF NOT EXISTS motivation_audiences (
    kind        ENUM ('job_change', 'side_job') NOT NULL,
    history_id  BIGINT UNSIGNED NOT NULL,
    fixed_at    DATETIME(6)     NOT NULL,
    PRIMARY KEY (kind, history_id),
    KEY motivation_audiences_fixed (fixed_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row per change and channel. recipients is a JSON list of [user id, LINE user id] by user id, for as long as a
-- repeat may need it; told_at is set once LINE has answered for all of them. Rows older than the dead letters are kept
-- (14 days) may be deleted, together with those of motivation_audiences.
CREATE TABLE IF NOT EXISTS motivation_notifications (
    kind        ENUM ('job_change', 'side_job') NOT NULL,
    history_id  BIGINT UNSIGNED NOT NULL,
    tenant_id   INT UNSIGNED    NOT NULL,
    recipients  MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    told_at     DATETIME(6)     NULL,
    PRIMARY KEY (kind, history_id, tenant_id),
    CONSTRAINT motivation_notifications_audience FOREIGN KEY (kind, history_id)
        REFERENCES motivation_audiences (kind, history_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row per day whose summary was dispatched, by the last dispatch: to how many people, in how many chunks.
CREATE TABLE IF NOT EXISTS summary_days (
    day            DATE         NOT NULL PRIMARY KEY,
    recipients     INT UNSIGNED NOT NULL,
    chunks         INT UNSIGNED NOT NULL,
    dispatched_at  DATETIME(6)  NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row per recipient and day, made before LINE is asked for the first time (domain/deliveries.py says why).
-- tenant_id is the channel that owns the delivery; rejected means that LINE knows no such person on it.
-- first_attempt_at never moves: LINE's retry key lives from there on.
CREATE TABLE IF NOT EXISTS summary_deliveries (
    day               DATE            NOT NULL,
    user_id           BIGINT UNSIGNED NOT NULL,
    tenant_id         INT UNSIGNED    NOT NULL,
    state             ENUM ('claimed', 'sent', 'rejected') NOT NULL DEFAULT 'claimed',
    first_attempt_at  DATETIME(6)     NOT NULL,
    settled_at        DATETIME(6)     NULL,
    PRIMARY KEY (day, user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- One row per file. The counters move in the transaction that registers a chunk, which holds the row's lock anyway, so a
-- look at them costs one row however large the file is. rows_total and chunks stay NULL until all chunks are sent;
-- rejected counts what registering found, and from then on what cutting the file found as well. releases counts the rows
-- of import_releases, so that the many imports that have none need not look there.
CREATE TABLE IF NOT EXISTS imports (
    import_id        VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    tenant_id        INT UNSIGNED NOT NULL,
    object_key       VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    etag             VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state            ENUM ('splitting', 'registering', 'completed', 'completed_with_errors', 'rejected') NOT NULL,
    announced_state  ENUM ('completed', 'completed_with_errors', 'rejected') NULL,
    reason           VARCHAR(500) NULL,
    rows_total       INT UNSIGNED NULL,
    chunks           INT UNSIGNED NULL,
    chunks_done      INT UNSIGNED NOT NULL DEFAULT 0,
    registered       INT UNSIGNED NOT NULL DEFAULT 0,
    updated          INT UNSIGNED NOT NULL DEFAULT 0,
    rejected         INT UNSIGNED NOT NULL DEFAULT 0,
    releases         INT UNSIGNED NOT NULL DEFAULT 0,
    created_at       DATETIME(6)  NOT NULL,
    ended_at         DATETIME(6)  NULL,
    CONSTRAINT imports_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The ledger: a chunk that stands here is registered, and does nothing any more, however late it comes again.
CREATE TABLE IF NOT EXISTS import_chunks (
    import_id  VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    chunk      INT UNSIGNED NOT NULL,
    PRIMARY KEY (import_id, chunk),
    CONSTRAINT import_chunks_import FOREIGN KEY (import_id) REFERENCES imports (import_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- line is that of the file on which the row begins; column_name is NULL when the whole row is meant.
CREATE TABLE IF NOT EXISTS import_errors (
    import_id    VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    line         INT UNSIGNED NOT NULL,
    column_name  VARCHAR(64)  NULL,
    reason       VARCHAR(200) NOT NULL,
    PRIMARY KEY (import_id, line),
    CONSTRAINT import_errors_import FOREIGN KEY (import_id) REFERENCES imports (import_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- LINE ids that this import has taken from a job seeker, who still counts as their owner for the rest of the file:
-- otherwise the order of the chunks would decide which rows are good. An ended import's rows are not needed any more.
CREATE TABLE IF NOT EXISTS import_releases (
    import_id      VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    line_user_id   VARCHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_seeker_id  BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (import_id, line_user_id),
    CONSTRAINT import_releases_import FOREIGN KEY (import_id) REFERENCES imports (import_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
