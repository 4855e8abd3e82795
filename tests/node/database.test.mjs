// The stack's SQL, and its backup and restore, with a real Postgres.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { PATIENCE_SECONDS, REPOSITORY, until } from './server.mjs';
import { surroundings } from './setup.mjs';

const call = promisify(execFile);
const PROGRAM = process.env.PLANT_CARE_BIN ?? join(REPOSITORY, 'target/debug/plant-care');
const SETUP = join(REPOSITORY, 'observability/postgres');

suite("the stack's Postgres", () => {
  let folder, programs, address;
  const passwords = { plant_user_password: `it's "one"; --`, plant_monitor_password: 'another' };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plant-care-database-'));
    // Postgres's own user must reach what is in it.
    await chmod(folder, 0o755);
    const script = join(REPOSITORY, 'scripts/postgres');
    programs = (await call(script, ['find'])).stdout.trim();
    const settings = ['shared_preload_libraries=pg_stat_statements', "log_statement='all'"];
    address = new URL((await call(script, ['start', join(folder, 'cluster'), ...settings])).stdout.trim());
    await sql('CREATE ROLE postgres SUPERUSER LOGIN', { user: 'plant_care', database: 'postgres' });
    await sql('CREATE DATABASE plant_care_db', { database: 'postgres' });
    await mkdir(join(folder, 'secrets'));
    for (const [name, value] of Object.entries(passwords)) await writeFile(join(folder, 'secrets', name), value);
  });
  after(async () => {
    if (address) await call(join(REPOSITORY, 'scripts/postgres'), ['stop', join(folder, 'cluster')]);
    if (folder) await rm(folder, { recursive: true });
  });

  const environment = (user = 'postgres', database = 'plant_care_db') => ({
    PATH: `${programs}:${process.env.PATH}`,
    PGHOST: address.hostname,
    PGPORT: address.port,
    PGUSER: user,
    PGDATABASE: database,
  });

  /** The rows of a statement, as objects where it is a query. */
  async function sql(statement, { user, database } = {}) {
    const { stdout } = await call(
      'psql',
      ['--no-psqlrc', '--quiet', '--csv', '--set=ON_ERROR_STOP=1', '--command', statement],
      {
        env: environment(user, database),
      },
    );
    const [head, ...rows] = stdout.trim().split('\n');
    if (!head) return [];
    const names = head.split(',');
    return rows.map((row) => Object.fromEntries(row.split(',').map((value, index) => [names[index], value])));
  }

  const setup = (settings = {}) =>
    call('sh', [join(SETUP, 'setup.sh')], {
      env: { ...environment(), SETUP_FOLDER: SETUP, SECRETS_FOLDER: join(folder, 'secrets'), ...settings },
    });

  const migrate = () =>
    call(PROGRAM, ['migrate', 'up'], {
      cwd: folder,
      env: {
        DATA_DIR: folder,
        DATABASE_URL: `postgres://plant_user@${address.host}/plant_care_db`,
        PATH: process.env.PATH,
      },
    });

  test('roles: the API owns its database, the watcher reads statistics, and no password is in a log', async () => {
    await setup();
    await setup();
    const roles = await sql(`SELECT rolname, rolsuper, rolcreaterole, rolcanlogin FROM pg_roles
      WHERE rolname IN ('plant_user', 'plant_monitor') ORDER BY rolname`);
    const plain = { rolsuper: 'f', rolcreaterole: 'f', rolcanlogin: 't' };
    assert.deepEqual(roles, [
      { rolname: 'plant_monitor', ...plain },
      { rolname: 'plant_user', ...plain },
    ]);
    // The server's log is only its owner's.
    const log = await call('find', [join(folder, 'cluster/data/server.log'), '-exec', 'cat', '{}', ';']);
    assert.match(log.stdout, /CREATE SCHEMA IF NOT EXISTS monitoring/);
    assert.doesNotMatch(log.stdout, /PASSWORD '/);
    const stored = await sql(
      "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' AS hashed FROM pg_authid WHERE rolname IN ('plant_user', 'plant_monitor')",
    );
    assert.deepEqual(
      stored.map(({ hashed }) => hashed),
      ['t', 't'],
    );
  });

  test("the API's migrations run as its own role", async () => {
    const { stdout } = await migrate();
    assert.match(stdout, /^applied \d+/);
    const owners = await sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'");
    assert.deepEqual(owners, [{ tableowner: 'plant_user' }]);
  });

  test('the views tell of slow queries, bloat and indexes, also to the watcher', async () => {
    await sql('CREATE TABLE bulky (id int PRIMARY KEY, text text); CREATE INDEX bulky_text ON bulky (text)', {
      user: 'plant_user',
    });
    await sql("INSERT INTO bulky SELECT n, repeat('x', 200) FROM generate_series(1, 5000) AS n", {
      user: 'plant_user',
    });
    await sql('DELETE FROM bulky WHERE id > 500; ANALYZE bulky', { user: 'plant_user' });
    for (let count = 0; count < 3; count += 1)
      await sql('SELECT count(*) FROM bulky WHERE id = 7', { user: 'plant_user' });
    // Statistics arrive when a session ends, or a little later.
    const watcher = { user: 'plant_monitor' };
    const rows = (statement) =>
      until(
        async () => {
          const found = await sql(statement, watcher);
          return found.length > 0 ? found : null;
        },
        PATIENCE_SECONDS,
        () => `Nothing came of ${statement}`,
      );
    const [slow] = await rows(`SELECT role, calls, query FROM monitoring.slow_queries
      WHERE query LIKE 'SELECT count(*) FROM bulky WHERE id = $1%'`);
    assert.deepEqual(slow, { role: 'plant_user', calls: '3', query: 'SELECT count(*) FROM bulky WHERE id = $1' });
    const [bloat] = await rows(`SELECT dead_rows, bloat_percent > 70 AS large, bloat_bytes > 500000 AS many
      FROM monitoring.table_bloat WHERE "table" = 'bulky' AND dead_rows > 0`);
    assert.deepEqual(bloat, { dead_rows: '4500', large: 't', many: 't' });
    const indexes = await rows(`SELECT index, scans > 0 AS used, keeps_unique, unused FROM monitoring.index_use
      WHERE "table" = 'bulky' AND EXISTS (SELECT FROM monitoring.index_use WHERE index = 'bulky_pkey' AND scans >= 3)
      ORDER BY index`);
    assert.deepEqual(indexes, [
      { index: 'bulky_pkey', used: 't', keeps_unique: 't', unused: 'f' },
      { index: 'bulky_text', used: 'f', keeps_unique: 'f', unused: 't' },
    ]);
    assert.ok((await rows('SELECT * FROM monitoring.table_scans')).length > 10);
  });

  test("the watcher sees no member's data, and changes nothing", async () => {
    const refused = (statement) =>
      assert.rejects(sql(statement, { user: 'plant_monitor' }), /permission denied|read-only/);
    await refused('SELECT * FROM users');
    await refused('SELECT * FROM audit.changes');
    await refused('CREATE TABLE mine (id int)');
    await refused('SELECT audit.switch_on()');
    await assert.rejects(sql('SELECT * FROM audit.changes', { user: 'plant_user' }), /permission denied/);
    await assert.rejects(sql('SELECT * FROM monitoring.slow_queries', { user: 'plant_user' }), /permission denied/);
  });

  test('the audit trail is off, records rows and columns without values when on, and is off again', async () => {
    const changes = () =>
      sql(`SELECT "table", operation, row_key ->> 'id' AS id, array_to_string(columns, ' ') AS columns, role
      FROM audit.changes ORDER BY changes.id`);
    await sql("INSERT INTO bulky VALUES (10001, 'unseen')", { user: 'plant_user' });
    assert.deepEqual(await changes(), []);

    await setup({ AUDIT_TRAIL: 'on' });
    await setup({ AUDIT_TRAIL: 'keep' });
    await sql("INSERT INTO bulky VALUES (10002, 'a secret')", { user: 'plant_user' });
    await sql("UPDATE bulky SET text = 'another secret' WHERE id = 10002", { user: 'plant_user' });
    await sql('UPDATE bulky SET text = text WHERE id = 10002', { user: 'plant_user' });
    await sql('DELETE FROM bulky WHERE id = 10002', { user: 'plant_user' });
    await sql('CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)', { user: 'plant_user' });
    const by = { role: 'plant_user' };
    assert.deepEqual(await changes(), [
      { table: 'bulky', operation: 'INSERT', id: '10002', columns: '', ...by },
      { table: 'bulky', operation: 'UPDATE', id: '10002', columns: 'text', ...by },
      { table: 'bulky', operation: 'DELETE', id: '10002', columns: '', ...by },
      { table: 'later', operation: 'INSERT', id: '1', columns: '', ...by },
    ]);
    assert.deepEqual(
      await sql("SELECT 1 AS found FROM audit.changes AS changes WHERE changes::text LIKE '%secret%'"),
      [],
    );
    await assert.rejects(sql('DELETE FROM audit.changes', { user: 'plant_user' }), /permission denied/);

    await setup({ AUDIT_TRAIL: 'off' });
    await sql('INSERT INTO later VALUES (2); CREATE TABLE even_later (id int); DROP TABLE later, even_later', {
      user: 'plant_user',
    });
    assert.equal((await changes()).length, 4);
    await assert.rejects(setup({ AUDIT_TRAIL: 'perhaps' }), /it takes on, off or keep/);
  });

  /** The script's world, in which Postgres is the real one. */
  async function world() {
    const made = await surroundings();
    const docker = await made.read('docker');
    await made.say(
      'docker',
      docker.replace(
        /^case \$all in$/m,
        `case $all in
    *' exec -T postgres '*)
        while [[ $1 != postgres ]]; do shift; done
        shift
        # The superuser's password is in the container.
        if [[ $1 == psql ]]; then exec "$@" < <(sed "s#/run/secrets#$SECRETS_FOLDER#"); else exec "$@"; fi
        ;;
    *' postgres-setup '*)
        [[ $all =~ \\ PGDATABASE=([a-z_]+) ]] && export PGDATABASE=\${BASH_REMATCH[1]}
        exec sh "$SETUP_FOLDER/setup.sh"
        ;;
esac
case $all in`,
      ),
    );
    const env = {
      ...environment(),
      PATH: `${made.bin}:${programs}:${process.env.PATH}`,
      SETUP_FOLDER: SETUP,
      SECRETS_FOLDER: join(folder, 'secrets'),
    };
    delete env.PGPORT;
    return { ...made, script: (...args) => made.run(args, { env: { ...env, PGPORT: address.port } }) };
  }

  const state = () =>
    sql(`SELECT (SELECT count(*) FROM bulky) AS rows, (SELECT count(*) FROM seaql_migrations) AS migrations,
      (SELECT tableowner FROM pg_tables WHERE tablename = 'bulky') AS owner,
      (SELECT count(*) > 0 FROM monitoring.index_use WHERE index = 'bulky_text') AS watched`);
  const databases = () =>
    sql(`SELECT datname, pg_get_userbyid(datdba) AS owner, datallowconn AS open FROM pg_database WHERE datname LIKE 'plant%'`, {
      database: 'postgres',
    });
  const ONE = [{ datname: 'plant_care_db', owner: 'plant_user', open: 't' }];

  test('what a backup holds comes back, what came later is gone, and a broken backup changes nothing', async (t) => {
    const { repository, script, remove } = await world();
    t.after(remove);
    const well = async (...args) => {
      const { code, output } = await script(...args);
      assert.equal(code, 0, output);
      return output;
    };
    await writeFile(join(folder, 'secrets/postgres_password'), `the "superuser's"`);
    await well('start');
    const [{ set }] = await sql("SELECT rolpassword LIKE 'SCRAM-SHA-256$%' AS set FROM pg_authid WHERE rolname = 'postgres'");
    assert.equal(set, 't');
    const before = await state();
    assert.deepEqual(before[0].owner, 'plant_user');
    await well('backup', 'b');
    await sql('DELETE FROM bulky; CREATE TABLE since (id int)', { user: 'plant_user' });
    const later = await state();
    assert.notDeepEqual(later, before);
    assert.match(await well('restore', '--drill', 'b'), new RegExp(`^ {2}bulky +${before[0].rows}$`, 'm'));
    assert.deepEqual([await state(), await databases()], [later, ONE]);
    await well('restore', 'b', '--yes');
    assert.deepEqual(await state(), before);
    assert.deepEqual(await sql("SELECT 1 AS found FROM pg_tables WHERE tablename = 'since'"), []);
    assert.deepEqual(await databases(), ONE);
    // The API still writes to it, and the schema is the one it knows.
    await sql("INSERT INTO bulky VALUES (20000, 'after')", { user: 'plant_user' });
    assert.match((await migrate()).stdout, /nothing to apply/);

    // Its beginning is whole.
    const dump = join(repository, 'b/postgres.dump');
    const bytes = await readFile(dump);
    await writeFile(dump, bytes.subarray(0, bytes.length - 3000));
    await call('sh', ['-c', 'sha256sum key postgres.dump photos.tar.gz grafana.tar.gz >SHA256SUMS'], {
      cwd: join(repository, 'b'),
    });
    const { code, output, steps } = await script('restore', 'b', '--yes');
    assert.equal(code, 1);
    assert.match(output, /pg_restore cannot read it/);
    assert.ok(!steps.some((step) => step.startsWith('stop')));
    assert.equal(Number((await state())[0].rows), Number(before[0].rows) + 1);
  });

  test('a restore that is killed in the exchange of the databases, or in its undoing, leaves the old one', async (t) => {
    const { script, say, remove } = await world();
    t.after(remove);
    await script('start');
    await script('backup', 'b');
    await sql("INSERT INTO bulky VALUES (30000, 'since')", { user: 'plant_user' });
    // Somebody who stays connected, and comes back.
    const before = await state();
    const { calls } = await script('restore', '--drill', 'b');
    assert.ok(calls.length > 20);
    await say('failing', 'exchange api\n');
    const failed = await script('restore', 'b', '--yes');
    assert.equal(failed.code, 1);
    await say('failing', '');
    assert.deepEqual([await state(), await databases()], [before, ONE]);
    const places = failed.calls.flatMap((one, index) => (/ psql /.test(one) ? [index + 1] : []));
    // The spare database, the exchange, the undoing.
    assert.equal(places.length, 3, failed.calls.join('\n'));
    for (const place of places.slice(1)) {
      for (const and of ['lost', 'done']) {
        await say('failing', 'exchange api\n');
        await say('killing', `KILL ${place} ${and}`);
        assert.equal((await script('restore', 'b', '--yes')).signal, 'SIGKILL');
        await say('failing', '');
        await say('killing', '');
        const { code, output } = await script('start');
        assert.equal(code, 0, output);
        assert.deepEqual([await state(), await databases()], [before, ONE], `${place} ${and}`);
      }
    }
  });
});
