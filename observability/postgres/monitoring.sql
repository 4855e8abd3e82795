-- What to look at when the database is slow: SELECT * FROM monitoring.slow_queries; and the others below.
-- The views belong to the superuser, so plant_monitor sees what it may not ask for itself, and no member's data.
SET client_min_messages = warning;

CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
CREATE SCHEMA IF NOT EXISTS monitoring;

-- The statements that take most of the database's time, without their parameters.
CREATE OR REPLACE VIEW monitoring.slow_queries AS
SELECT
    statements.queryid,
    roles.rolname AS role,
    statements.calls,
    round((statements.total_exec_time / 1000)::numeric, 3) AS total_seconds,
    round(statements.mean_exec_time::numeric, 3) AS mean_ms,
    round(statements.max_exec_time::numeric, 3) AS max_ms,
    round((100 * statements.total_exec_time / nullif(sum(statements.total_exec_time) OVER (), 0))::numeric, 1)
        AS percent_of_time,
    statements.rows,
    round(100.0 * statements.shared_blks_hit
        / nullif(statements.shared_blks_hit + statements.shared_blks_read, 0), 1) AS cache_hit_percent,
    left(regexp_replace(statements.query, '\s+', ' ', 'g'), 500) AS query
FROM public.pg_stat_statements AS statements
JOIN pg_database AS databases ON databases.oid = statements.dbid AND databases.datname = current_database()
LEFT JOIN pg_roles AS roles ON roles.oid = statements.userid
ORDER BY statements.total_exec_time DESC;

-- Dead rows, and how much larger each table is than its rows need: an estimate from the planner's statistics, which
-- counts the room of a fillfactor below 100 as bloat and knows nothing before the first ANALYZE.
CREATE OR REPLACE VIEW monitoring.table_bloat AS
WITH widths AS (
    SELECT starelid, sum((1 - stanullfrac) * stawidth) AS width
    FROM pg_statistic
    WHERE NOT stainherit
    GROUP BY starelid
), sizes AS (
    SELECT
        tables.relid,
        classes.relpages::bigint AS pages,
        current_setting('block_size')::bigint AS page_bytes,
        -- 24 bytes of header and 4 of pointer for a row, rounded up to 8; 24 of header for a page.
        ceil(classes.reltuples * (4 + 8 * ceil((24 + widths.width) / 8))
            / (current_setting('block_size')::bigint - 24))::bigint AS needed_pages
    FROM pg_stat_user_tables AS tables
    JOIN pg_class AS classes ON classes.oid = tables.relid
    LEFT JOIN widths ON widths.starelid = tables.relid
    WHERE classes.reltuples >= 0
)
SELECT
    tables.schemaname AS schema,
    tables.relname AS "table",
    pg_total_relation_size(tables.relid) AS total_bytes,
    tables.n_live_tup AS live_rows,
    tables.n_dead_tup AS dead_rows,
    round(100.0 * tables.n_dead_tup / nullif(tables.n_live_tup + tables.n_dead_tup, 0), 1) AS dead_percent,
    greatest(sizes.pages - sizes.needed_pages, 0) * sizes.page_bytes AS bloat_bytes,
    round(100.0 * greatest(sizes.pages - sizes.needed_pages, 0) / nullif(sizes.pages, 0), 1) AS bloat_percent,
    greatest(tables.last_vacuum, tables.last_autovacuum) AS last_vacuum,
    greatest(tables.last_analyze, tables.last_autoanalyze) AS last_analyze
FROM pg_stat_user_tables AS tables
LEFT JOIN sizes ON sizes.relid = tables.relid
ORDER BY bloat_bytes DESC NULLS LAST, tables.n_dead_tup DESC;

-- How often each index is used. One that is never used costs every write, unless it keeps values unique.
CREATE OR REPLACE VIEW monitoring.index_use AS
SELECT
    uses.schemaname AS schema,
    uses.relname AS "table",
    uses.indexrelname AS index,
    uses.idx_scan AS scans,
    uses.idx_tup_read AS entries_read,
    pg_relation_size(uses.indexrelid) AS bytes,
    indexes.indisunique AS keeps_unique,
    uses.idx_scan = 0 AND NOT indexes.indisunique AS unused
FROM pg_stat_user_indexes AS uses
JOIN pg_index AS indexes ON indexes.indexrelid = uses.indexrelid
ORDER BY unused DESC, bytes DESC;

-- Tables that are read from end to end, often and though they are large: an index may be missing.
CREATE OR REPLACE VIEW monitoring.table_scans AS
SELECT
    schemaname AS schema,
    relname AS "table",
    seq_scan AS full_scans,
    seq_tup_read AS rows_read_by_full_scans,
    idx_scan AS index_scans,
    round(100.0 * coalesce(idx_scan, 0) / nullif(seq_scan + coalesce(idx_scan, 0), 0), 1) AS index_percent,
    n_live_tup AS live_rows
FROM pg_stat_user_tables
ORDER BY seq_tup_read DESC;

REVOKE ALL ON SCHEMA monitoring FROM PUBLIC;
GRANT USAGE ON SCHEMA monitoring TO plant_monitor;
GRANT SELECT ON ALL TABLES IN SCHEMA monitoring TO plant_monitor;
