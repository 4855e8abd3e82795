-- The API's role owns its database and is no superuser; the role that Alloy watches with reads statistics only.
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

SELECT format('ALTER DATABASE %I OWNER TO plant_user', current_database()) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO plant_monitor', current_database()) \gexec
