-- The API's role makes and owns its tables and is no superuser; the role that Alloy watches with reads statistics only.
-- The database itself is the superuser's: its owner could drop it together with the audit trail, and set parameters
-- that the superuser's own sessions start with.
-- Passwords go into no log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track_utility = off;

\set app_password `cat :'secrets'/plant_user_password`
\set monitor_password `cat :'secrets'/plant_monitor_password`

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['plant_user', 'plant_monitor']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE plant_user LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
ALTER ROLE plant_monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 PASSWORD :'monitor_password';
GRANT pg_monitor TO plant_monitor;
-- A question about statistics that takes longer does harm.
ALTER ROLE plant_monitor SET statement_timeout = '15s';
ALTER ROLE plant_monitor SET default_transaction_read_only = on;

SELECT format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO plant_user', current_database()) \gexec
SELECT 'ALTER SCHEMA public OWNER TO plant_user'
FROM pg_namespace WHERE nspname = 'public' AND nspowner <> 'plant_user'::regrole \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO plant_monitor', current_database()) \gexec
