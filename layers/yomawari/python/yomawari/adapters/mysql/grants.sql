-- What each MySQL user may do, one user per function. Applied after schema.sql, with the database as the default one
-- and the users created; may be applied again. New tables of a later schema need nothing but this file once more.

GRANT SELECT ON * TO 'yomawari_dispatcher'@'%';
GRANT INSERT, UPDATE ON runs TO 'yomawari_dispatcher'@'%';
GRANT INSERT, UPDATE ON run_tenants TO 'yomawari_dispatcher'@'%';

GRANT SELECT, INSERT, UPDATE ON line_accounts TO 'yomawari_writer'@'%';
GRANT SELECT, INSERT, UPDATE ON line_friend_status_changes TO 'yomawari_writer'@'%';
GRANT SELECT, INSERT, UPDATE ON run_tenants TO 'yomawari_writer'@'%';
GRANT SELECT, INSERT, UPDATE ON runs TO 'yomawari_writer'@'%';
GRANT SELECT, INSERT ON run_passed_over TO 'yomawari_writer'@'%';
GRANT SELECT, INSERT, DELETE ON run_losses TO 'yomawari_writer'@'%';

GRANT SELECT, INSERT, UPDATE ON user_job_change_motivation_history_notification_target_users TO 'yomawari_writer'@'%';
GRANT SELECT, INSERT, UPDATE ON user_side_job_motivation_history_notification_target_users TO 'yomawari_writer'@'%';

GRANT SELECT ON * TO 'yomawari_notifier'@'%';
GRANT INSERT ON motivation_audiences TO 'yomawari_notifier'@'%';
GRANT INSERT, UPDATE ON motivation_notifications TO 'yomawari_notifier'@'%';

GRANT SELECT ON * TO 'yomawari_summarizer'@'%';
GRANT INSERT, UPDATE ON summary_days TO 'yomawari_summarizer'@'%';

GRANT SELECT, INSERT, UPDATE ON summary_deliveries TO 'yomawari_summary_sender'@'%';

GRANT SELECT ON * TO 'yomawari_reader'@'%';

-- Of the two, only the registrar touches job seekers. Whether a tenant exists is all that the splitter asks of tenants.
GRANT SELECT (id) ON tenants TO 'yomawari_splitter'@'%';
GRANT SELECT, INSERT, UPDATE ON imports TO 'yomawari_splitter'@'%';
GRANT SELECT, INSERT, UPDATE ON import_errors TO 'yomawari_splitter'@'%';

GRANT SELECT, UPDATE ON imports TO 'yomawari_registrar'@'%';
GRANT SELECT, INSERT ON import_chunks TO 'yomawari_registrar'@'%';
GRANT SELECT, INSERT, UPDATE ON import_errors TO 'yomawari_registrar'@'%';
GRANT SELECT, INSERT, UPDATE ON import_releases TO 'yomawari_registrar'@'%';
GRANT SELECT, INSERT, UPDATE ON job_seekers TO 'yomawari_registrar'@'%';
GRANT SELECT, INSERT, UPDATE ON line_accounts TO 'yomawari_registrar'@'%';
GRANT SELECT ON line_accounts TO 'yomawari_sweeper'@'%';
GRANT SELECT (tenant_id), UPDATE (followers_allowed, followers_probed_at) ON line_channels TO 'yomawari_sweeper'@'%';
