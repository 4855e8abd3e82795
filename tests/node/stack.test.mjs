// The files of the stack, as far as they can be judged where no container engine runs.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import Ajv from 'ajv';
import { bytes, complaints, secretVariables } from './compose.mjs';
import { filled, merged, read, variables } from './compose-file.mjs';
import { REPOSITORY } from './server.mjs';

const text = (path) => readFileSync(join(REPOSITORY, path), 'utf8');
const yaml = (path) => read(join(REPOSITORY, path));
/** The stack as Compose sees it, where no variable is set; with the proxy, or without. */
const stack = (...others) => filled(others.reduce((base, path) => merged(base, yaml(path)), yaml('compose.yaml')));
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: REPOSITORY,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path && existsSync(join(REPOSITORY, path)));

/** The script with its parts. */
const script = tracked
  .filter((path) => /^observability\/(setup-observability|lib\/.*)\.sh$/.test(path))
  .map(text)
  .join('\n');

suite('compose.yaml', () => {
  const compose = stack();
  const proxied = stack('compose.proxy.yaml');
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'compose-spec/compose-spec.json'), 'utf8'));
  // Ajv knows this draft by its address with http; formats such as "duration" are Compose's own.
  delete schema.$schema;
  const valid = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);

  /** A copy of the file with one thing changed. */
  const changed = (change, file = compose) => {
    const copy = structuredClone(file);
    change(copy);
    return copy;
  };

  test("each file is valid by the Compose Specification's schema, alone and over the first", () => {
    for (const path of ['compose.yaml', 'compose.journal.yaml', 'compose.proxy.yaml']) {
      for (const file of [merged({}, yaml(path)), stack(path)]) assert.ok(valid(file), `${path}: ${JSON.stringify(valid.errors)}`);
    }
    assert.ok(!valid(changed(({ services }) => (services.api.port = services.api.ports))));
    assert.ok(!valid(changed(({ services }) => (services.loki.depends_on = { tempo: { condition: 'healthy' } }))));
  });

  test("the project's own rules, with the proxy and without it", () => {
    assert.deepEqual(complaints(compose), []);
    assert.deepEqual(complaints(proxied), []);
  });

  for (const [complaint, change] of [
    ['loki: grafana/loki:latest is not pinned', ({ loki }) => (loki.image = 'grafana/loki:latest')],
    ['loki: grafana/loki is not pinned', ({ loki }) => (loki.image = 'grafana/loki')],
    ['tempo: runs as root', ({ tempo }) => (tempo.user = '0:0')],
    ['mimir: has no user', ({ mimir }) => delete mimir.user],
    ['api: keeps capabilities', ({ api }) => delete api.cap_drop],
    ['grafana: can write to its image', ({ grafana }) => (grafana.read_only = false)],
    ['api: 8000:8000 is open to other machines', ({ api }) => (api.ports = ['8000:8000'])],
    [
      'loki: 127.0.0.1:3100:3100 is not published: all its networks are internal',
      ({ loki }) => (loki.networks = ['logs']),
    ],
    ['alloy: there is no network tracing', ({ alloy }) => alloy.networks.push('tracing')],
    ['migrate: is on the default network', ({ migrate }) => delete migrate.networks],
    ['loki: reaches the world', (_, { networks }) => (networks['edge-loki'] = {})],
    ['api: does not reach the world', (_, { networks }) => (networks['edge-api'] = networks['edge-loki'])],
    ['grafana: has 2 ways out', ({ grafana }) => grafana.networks.push('edge-api')],
    ['api and grafana share the open network edge-api', ({ grafana }) => (grafana.networks[3] = 'edge-api')],
    ['grafana and postgres reach each other on data', ({ grafana }) => grafana.networks.push('data')],
    ['loki and tempo reach each other on logs', ({ tempo }) => tempo.networks.push('logs')],
    ['loki: its names are resolved by the wrong one', ({ loki }) => delete loki.dns],
    ['grafana: its names are resolved by the wrong one', ({ grafana }) => (grafana.dns = ['127.0.0.1'])],
    ['nobody is on the network spare', (_, { networks }) => (networks.spare = { internal: true })],
    [
      'tempo: its health check needs a shell, and its image has none',
      ({ tempo }) => (tempo.healthcheck.test = ['CMD-SHELL', 'wget -q x']),
    ],
    [
      'api: its health check needs a shell, and its image has none',
      ({ api }) => (api.healthcheck.test = ['CMD', 'curl', '-f', 'http://127.0.0.1:8000']),
    ],
    ['tempo: nobody asks whether it is healthy', ({ tempo }) => (tempo.healthcheck = { disable: true })],
    ['postgres-setup: waits for postgres, which has no health check', ({ postgres }) => (postgres.healthcheck = { disable: true })],
    [
      'mimir: nobody asks whether it is healthy',
      (services) => (services['mimir-ready'].healthcheck.test = ['CMD', 'true']),
    ],
    ['api: waits for the end of migrate, which is started again', ({ migrate }) => (migrate.restart = 'always')],
    [
      "alloy: has the engine's socket",
      ({ alloy }) => alloy.volumes.push('/var/run/docker.sock:/var/run/docker.sock:ro'),
    ],
    ["loki: has the engine's socket", ({ loki }) => loki.volumes.push('/run/user/1000/docker.sock:/tmp/engine:ro')],
    ['api: is called healthy for long after it is not', ({ api }) => (api.healthcheck.retries = 36)],
    ['loki: is called healthy for long after it is not', ({ loki }) => (loki.healthcheck.interval = '30s')],
    ['tempo: has no time to start', ({ tempo }) => delete tempo.healthcheck.start_period],
    ['postgres: has SYS_ADMIN', ({ postgres }) => (postgres.cap_add = ['SYS_ADMIN'])],
    ['loki: its log has no end', ({ loki }) => delete loki.logging],
    ['migrate and api are built apart', ({ api, migrate }) => (migrate.build = api.build)],
    ['migrate: nobody builds plant-care:other', ({ migrate }) => (migrate.image = 'plant-care:other')],
    ['api: looks for plant-care:local in a registry', ({ api }) => delete api.pull_policy],
    ['loki: is in the wrong profile', ({ loki }) => delete loki.profiles],
    ['api: is in the wrong profile', ({ api }) => (api.profiles = ['full'])],
    [
      'api: depends on alloy, which is not always started',
      ({ api }) => (api.depends_on.alloy = { condition: 'service_healthy' }),
    ],
    ['loki: is not made again when its files change', ({ loki }) => delete loki.labels],
    ['alloy: is not made again when its files change', ({ alloy }) => delete alloy.labels],
    ['api: 2 replicas cannot have one port', ({ api }) => (api.deploy = { replicas: '2' })],
    [
      'api: the password of an address is not read from a file',
      ({ api }) => (api.environment.DATABASE = 'postgres://plant_user:secret@postgres/db'),
    ],
    ['api: --password is not read from a file', ({ api }) => api.command.push('--password=hunter2')],
    ['loki: the password of an address', ({ loki }) => (loki.labels.push = 'http://a:b@example.com/')],
    ['alloy: can write to /', ({ alloy }) => alloy.volumes.push('/:/host')],
    [
      'grafana: GF_SECURITY_ADMIN_PASSWORD is not read from a file',
      ({ grafana }) => (grafana.environment.GF_SECURITY_ADMIN_PASSWORD = 'admin'),
    ],
    ['the memory limits are', ({ mimir }) => (mimir.mem_limit = '8g')],
    ['mimir: has no memory limit', ({ mimir }) => delete mimir.mem_limit],
    ['loki: there is no volume loki', ({ loki }) => loki.volumes.push('loki:/loki2')],
  ]) {
    test(`a mistake is found: ${complaint}`, () => {
      const found = complaints(changed((file) => change(file.services, file)));
      assert.ok(
        found.some((one) => one.startsWith(complaint)),
        `${found}`,
      );
    });
  }

  test('with the proxy the API has two replicas and no port, and Caddy two', () => {
    const { api, caddy } = proxied.services;
    assert.equal(api.deploy.replicas, '2');
    assert.equal(api.ports, undefined);
    assert.deepEqual(caddy.ports, ['127.0.0.1:8080:8080', '127.0.0.1:8443:8443']);
    // What was the first file's is still there.
    assert.equal(api.environment.DATABASE_URL_FILE, '/run/secrets/database_url');
    assert.deepEqual(Object.keys(api.networks), ['data', 'telemetry', 'edge-api', 'proxy']);
    assert.ok(proxied.services.init.volumes.includes('caddy-data:/caddy'));
    const found = complaints(changed(({ services }) => (services.api.ports = compose.services.api.ports), proxied));
    assert.deepEqual(found, ['api: 2 replicas cannot have one port']);
  });

  test('the nine ports, each of this machine only, and each a setting', () => {
    const published = (file) => Object.values(file.services).flatMap((service) => service.ports ?? []);
    const numbers = published(compose).map((port) => port.split(':')[1]);
    assert.deepEqual(numbers.toSorted(), ['12345', '3000', '3100', '3200', '4317', '4318', '5432', '8000', '9009']);
    const others = published(filled(yaml('compose.yaml'), Object.fromEntries([...settings].map((name) => [name, '1']))));
    assert.deepEqual(others.map((port) => port.split(':')[1]), numbers.map(() => '1'));
    // Within, nothing changes.
    assert.deepEqual(others.map((port) => port.split(':')[2]), numbers);
  });

  const settings = new Set(['compose.yaml', 'compose.proxy.yaml', 'compose.journal.yaml'].flatMap((path) => [...variables(text(path))]));

  test('no secret comes in by a variable, where everybody sees it who is told what a container is', () => {
    assert.ok(settings.size > 40, `${settings.size}`);
    assert.deepEqual(secretVariables(settings), []);
    assert.deepEqual(secretVariables(['SMTP_PASSWORD', 'API_PORT']), ['SMTP_PASSWORD']);
  });

  test('whatever a service mounts of files and secrets, its label says when they change', () => {
    for (const [name, { labels }] of Object.entries(merged(yaml('compose.yaml'), yaml('compose.proxy.yaml')).services)) {
      if (labels?.['plant.care.files'] === undefined) continue;
      assert.equal(labels['plant.care.files'], `\${FILES_${name.toUpperCase().replaceAll('-', '_')}:-}`);
    }
  });

  test('what is mounted from the repository is there, and where the programs look for it', () => {
    for (const [name, { volumes = [] }] of Object.entries(proxied.services)) {
      for (const volume of volumes.filter((one) => one.startsWith('./'))) {
        const [from] = volume.split(':');
        // Made by the script, and by whoever draws dashboards.
        if (['./observability/secrets', './observability/grafana/dashboards'].includes(from)) continue;
        assert.ok(existsSync(join(REPOSITORY, from)), `${name}: ${from}`);
      }
    }
    const { loki, tempo, mimir, grafana } = compose.services;
    for (const service of [loki, tempo, mimir]) {
      const [, path] = /-config\.file=(.*)/.exec(service.command.join('\n'));
      assert.ok(
        service.volumes.some((volume) => path.startsWith(volume.split(':')[1])),
        path,
      );
    }
    const [{ options }] = yaml('observability/grafana/provisioning/dashboards/dashboards.yaml').providers;
    assert.ok(grafana.volumes.includes(`./observability/grafana/dashboards:${options.path}:ro`));
    assert.ok(mimir.volumes.includes('./observability/mimir:/etc/mimir:ro'));
  });

  test('each secret that is read is handed out to its reader, and made by the script', () => {
    const hand = Object.fromEntries(
      [...text('observability/init.sh').matchAll(/^hand_out (\w+) (\d+) (.*)$/gm)].map(([, service, uid, files]) => [
        service,
        { uid, files },
      ]),
    );
    hand.grafana.files += text('observability/init.sh');
    let read = 0;
    for (const [name, { volumes = [], environment = {}, user }] of Object.entries(compose.services)) {
      const volume = volumes.find((one) => /-secrets:\/run\/secrets:ro$/.test(one));
      if (!volume) continue;
      const owner = volume.replace(/-secrets:.*/, '');
      // Only its owner can read a file of mode 0400.
      assert.equal(user, `${hand[owner].uid}:${hand[owner].uid}`, name);
      for (const path of Object.values(environment).filter((value) => String(value).startsWith('/run/secrets/'))) {
        const file = path.replace('/run/secrets/', '');
        assert.ok(hand[owner].files.includes(`$from/${file}`), `${name}: ${file}`);
        assert.match(script, new RegExp(`^    secret ${file} `, 'm'), file);
        read += 1;
      }
    }
    assert.ok(read >= 9, `${read}`);
  });

  test('the setting names of the API are those that it reads', () => {
    const sources = tracked.filter((path) => /^src\/config(\/\w+)?\.rs$/.test(path));
    assert.ok(sources.length >= 4, sources.join());
    // Without its tests, which also name what it does not take.
    const program = sources.map((path) => text(path).split('#[cfg(test)]')[0]).join('\n');
    const known = new Set([...program.matchAll(/"([A-Z][A-Z0-9_]+)"/g)].map(([, name]) => name));
    assert.ok(known.has('LISTEN_ADDR') && !known.has('OTEL_EXPORTER_OTLP_HEADERS'));
    const readme = text('README.md');
    for (const service of ['migrate', 'api']) {
      const names = Object.keys(compose.services[service].environment);
      assert.ok(names.length >= 6, service);
      for (const name of names) {
        assert.ok(known.has(name), `${service}: ${name} is read nowhere`);
        assert.ok(readme.includes(`\`${name}\``), `${name} is not in the README`);
      }
    }
  });

  for (const name of ['alloy', 'grafana']) {
    test(`the health check of ${name} tells health from trouble`, async () => {
      let status = 200;
      const server = createServer((request, answer) => {
        assert.equal(request.url, name === 'alloy' ? '/-/ready' : '/api/health');
        answer.writeHead(status).end('{}');
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { healthcheck, environment, ports } = compose.services[name];
      const port = ports[0].split(':')[1];
      const here = server.address().port;
      const own = (value) => value.replaceAll(port, here);
      const words =
        healthcheck.test[0] === 'CMD-SHELL'
          ? ['sh', '-c', healthcheck.test[1].replaceAll('$$', '$')]
          : healthcheck.test.slice(1);
      const exit = async () => {
        const [program, ...args] = words.map(own);
        const child = spawn(program, args, {
          env: { PATH: process.env.PATH, URL: own(environment.URL ?? '') },
          stdio: 'ignore',
        });
        return (await once(child, 'close'))[0];
      };
      assert.equal(await exit(), 0);
      status = 503;
      assert.notEqual(await exit(), 0);
      await once(server.close(), 'close');
      assert.notEqual(await exit(), 0);
    });
  }

  test('stores get time to stop', () => {
    for (const name of ['postgres', 'loki', 'tempo', 'mimir'])
      assert.equal(compose.services[name].stop_grace_period, '60s', name);
  });

  test('the API gets time to stop: its delay, its drain, its last spans, and some more', () => {
    const { environment, stop_grace_period: grace } = compose.services.api;
    const readme = text('README.md');
    const seconds = (name) => {
      const set = environment[name];
      if (set !== undefined) return Number(set);
      const row = readme.match(new RegExp('^\\| `' + name + '` \\| `(\\d+)` \\|(.*)$', 'm'));
      return Number(row[2].match(/(\d+) by default in production/)?.[1] ?? row[1]);
    };
    assert.equal(seconds('DRAIN_DELAY_SECONDS'), 3);
    assert.equal(Number.parseInt(grace, 10), seconds('DRAIN_DELAY_SECONDS') + seconds('DRAIN_SECONDS') + 5 + 4);
    assert.match(grace, /^\d+s$/);
  });

  test('Go programs stay below their limit, which is a setting', () => {
    const services = Object.entries(merged(yaml('compose.yaml'), yaml('compose.proxy.yaml')).services);
    const set = services.filter(([, { environment }]) => environment?.GOMEMLIMIT);
    assert.deepEqual(set.map(([name]) => name), ['alloy', 'loki', 'tempo', 'mimir', 'grafana', 'caddy']);
    for (const [name, service] of set) {
      const limit = filled(service);
      const soft = Number.parseInt(limit.environment.GOMEMLIMIT, 10) * 2 ** 20;
      const hard = bytes(limit.mem_limit);
      assert.ok(soft >= hard * 0.85 && soft <= hard * 0.95, `${name}: ${soft} of ${hard}`);
      const prefix = name.toUpperCase();
      const other = filled(service, { [`${prefix}_MEMORY`]: '2g', [`${prefix}_GOMEMLIMIT`]: '1843MiB' });
      assert.deepEqual([other.mem_limit, other.environment.GOMEMLIMIT], ['2g', '1843MiB']);
    }
    for (const name of ['postgres', 'api'])
      assert.equal(filled(yaml('compose.yaml').services[name], { [`${name.toUpperCase()}_MEMORY`]: '3g' }).mem_limit, '3g');
  });

  test('without telemetry the API sends nothing to it', () => {
    const { environment } = yaml('compose.yaml').services.api;
    const endpoint = (set) => filled(environment.OTEL_EXPORTER_OTLP_ENDPOINT, set);
    assert.equal(endpoint({}), 'http://alloy:4317');
    assert.equal(endpoint({ OTEL_ENDPOINT: '' }), '');
  });
});

suite('Dockerfile', () => {
  const lines = text('Dockerfile')
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));

  test('what it copies is in the repository and reaches the engine', () => {
    const allowed = text('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const sources = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    assert.ok(sources.length > 5);
    for (const source of sources) {
      assert.ok(existsSync(join(REPOSITORY, source)), source);
      assert.ok(
        allowed.some((one) => source === one || source.startsWith(`${one}/`)),
        `${source} is in .dockerignore`,
      );
    }
    assert.equal(
      text('.dockerignore')
        .split('\n')
        .filter((line) => line && !line.startsWith('#'))[0],
      '*',
    );
  });

  test('it knows every member of the workspace, and a Rust that is new enough', () => {
    const cargo = text('Cargo.toml');
    const members = JSON.parse(/^members = (\[.*\])$/m.exec(cargo)[1]).filter((member) => member !== '.');
    for (const member of members)
      assert.ok(
        lines.some((line) => line.includes(`COPY ${member}/Cargo.toml`)),
        member,
      );
    const minimum = /^rust-version = "(\d+)\.(\d+)"$/m.exec(cargo).slice(1).map(Number);
    const [, major, minor] = /^FROM rust:(\d+)\.(\d+)\.\d+-/m.exec(text('Dockerfile')).map(Number);
    assert.ok(major > minimum[0] || (major === minimum[0] && minor >= minimum[1]));
    // Its linter settings need no more than the folders that are copied.
    for (const [, embedded] of execFileSync(
      'grep',
      ['-rhoE', 'include_(bytes|str)!\\("[^"]*"\\)', join(REPOSITORY, 'src')],
      { encoding: 'utf8' },
    ).matchAll(/\("(?:\.\.\/)*([^"]*)"\)/g)) {
      assert.ok(
        lines.some((line) => line.startsWith(`COPY ${embedded} `)),
        embedded,
      );
    }
  });

  /** What is wrong with how the Dockerfile compiles, a line each. */
  function complaints(all) {
    const found = [];
    const at = (pattern) => all.findIndex((line) => pattern.test(line));
    for (const line of all) {
      const [flag] = /(?<= )--(chmod|mount|link|parents|exclude|network|security|checksum)\b/.exec(line) ?? [];
      if (flag || /<<|^# *syntax/.test(line)) found.push(`the classic builder does not know ${flag ?? line}`);
    }
    const [stubs, builds] = all.flatMap((line, number) => (/cargo build /.test(line) ? [number] : []));
    if (builds === undefined) return [...found, 'the dependencies have no layer of their own'];
    if (stubs > at(/^COPY src /)) found.push('a change of the program compiles its dependencies');
    const command = (line) => /cargo build ([^&]*?)(?= &&|$)/.exec(line)[1].replace('--offline ', '').trim();
    if (command(all[stubs]) !== command(all[builds])) found.push('the dependencies are compiled otherwise than the program needs');
    for (const name of ['plant-care', 'plant-care-migration'])
      if (!new RegExp(`cargo clean .*--package ${name}(?= |$)`).test(all[stubs])) found.push(`the stub of ${name} stays`);
    if (!/^RUN find src migration\/src .*touch/.test(all[builds])) found.push('an older source is not compiled');
    if (!/--help \| grep -q healthcheck/.test(all[builds])) found.push('nobody asks whether it is the program');
    return found;
  }

  test('dependencies are compiled once, and never is a stub shipped; both builders read it', () => {
    assert.deepEqual(complaints(lines), []);
    // What the program itself consists of, beside its dependencies.
    const dependencies = /^\[dependencies\]\n(.*?)\n\n/ms.exec(text('Cargo.toml'))[1];
    assert.deepEqual([...dependencies.matchAll(/path = "([^"]*)"/g)].map(([, path]) => path), ['migration']);
  });

  for (const [complaint, from, to] of [
    ['the classic builder does not know --chmod', 'COPY src src', 'COPY --chmod=0700 src src'],
    ['the classic builder does not know --mount', 'RUN find src', 'RUN --mount=type=cache,target=/x find src'],
    ['the stub of plant-care-migration stays', ' --package plant-care-migration', ''],
    ['the stub of plant-care stays', 'clean --release --package plant-care ', 'clean --release '],
    ['an older source is not compiled', 'RUN find src migration/src -type f -exec touch {} +', 'RUN true'],
    ['nobody asks whether it is the program', ' && target/release/plant-care --help | grep -q healthcheck', ''],
    ['the dependencies are compiled otherwise than the program needs', 'build --locked --release', 'build --locked'],
    ['the dependencies have no layer of their own', 'cargo build --locked --release', 'cargo fetch'],
  ]) {
    test(`a mistake is found: ${complaint}`, () => {
      const whole = lines.map((line) => line.replace(/ +/g, ' ')).join('\n');
      assert.ok(whole.includes(from), from);
      assert.ok(complaints(whole.replace(from, to).split('\n')).includes(complaint));
    });
  }

  test('a new volume for photos has its owner and mode from the image', () => {
    // Only a folder that is copied within another one keeps its mode.
    assert.ok(lines.some((line) => /install -d -m 0700 \/owned\/data$/.test(line)));
    assert.ok(lines.includes('COPY --from=build --chown=10001:10001 /owned /'));
  });

  test('the last stage has no shell, is not root, and asks itself', () => {
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    assert.equal(last[0], 'FROM scratch');
    assert.ok(last.includes('USER 10001:10001'));
    assert.ok(!last.some((line) => line.startsWith('RUN ')));
    for (const name of ['HEALTHCHECK', 'ENTRYPOINT', 'CMD']) {
      const line = last.find((one) => one.startsWith(`${name} `));
      assert.match(line, /\[".*"\]$/, `${name} needs a shell`);
    }
    assert.ok(
      last.some((line) => line.includes('["/plant-care", "healthcheck", "http://127.0.0.1:8000/health/ready"]')),
    );
  });
});

suite("Grafana's data sources and the stores", () => {
  const { datasources } = yaml('observability/grafana/provisioning/datasources/datasources.yaml');
  const uids = datasources.map(({ uid }) => uid);

  test('the four uids, and every one that is named is there', () => {
    assert.deepEqual(uids, ['mimir', 'loki', 'tempo', 'alertmanager']);
    const named = [...JSON.stringify(datasources).matchAll(/"(?:datasourceUid|alertmanagerUid)":"([^"]*)"/g)];
    assert.ok(named.length >= 6);
    for (const [, uid] of named) assert.ok(uids.includes(uid), uid);
  });

  test('each points to a service of the stack at the port it listens on', () => {
    const { services } = stack();
    const listens = {
      mimir: yaml('observability/mimir/mimir.yaml').server.http_listen_port,
      loki: yaml('observability/loki/loki.yaml').server.http_listen_port,
      tempo: yaml('observability/tempo/tempo.yaml').server.http_listen_port,
    };
    for (const { url } of datasources) {
      const { hostname, port } = new URL(url);
      assert.equal(Number(port), listens[hostname], url);
      assert.ok(
        services[hostname].networks.some((network) => services.grafana.networks.includes(network)),
        url,
      );
      assert.deepEqual(services[hostname].ports, [`127.0.0.1:${port}:${port}`]);
    }
  });

  test("a dollar that is not doubled would be Grafana's own variable", () => {
    const source = text('observability/grafana/provisioning/datasources/datasources.yaml').replace(/^\s*#.*$/gm, '');
    assert.doesNotMatch(source.replaceAll('$$', ''), /\$/);
    assert.ok(source.includes('$${__value.raw}'));
  });

  test('links ask for what Alloy stores', () => {
    const alloy = text('observability/alloy/config.alloy');
    const tempo = datasources.find(({ uid }) => uid === 'tempo').jsonData;
    const [, namespace] = /namespace\s+= "([^"]*)"/.exec(alloy);
    const queries = tempo.tracesToMetrics.queries.map(({ query }) => query).join();
    for (const metric of ['calls_total', 'duration_seconds_bucket']) {
      assert.ok(queries.includes(`${namespace.replace('.', '_')}_${metric}`), metric);
    }
    assert.deepEqual(tempo.tracesToLogsV2.tags, [{ key: 'service.name', value: 'service' }]);
    assert.match(tempo.tracesToLogsV2.query, /trace_id = /);
    assert.match(alloy, /target_label {2}= "service"/);
  });

  test("Mimir's and Loki's folders are absolute, apart, and of a volume", () => {
    const mimir = yaml('observability/mimir/mimir.yaml');
    const paths = [];
    const walk = (value, key) => {
      if (value && typeof value === 'object') for (const [name, inner] of Object.entries(value)) walk(inner, name);
      else if (/^(dir|filepath|data_dir|sync_dir|rule_path)$/.test(key)) paths.push(value);
    };
    walk(mimir);
    assert.ok(paths.length >= 8);
    assert.equal(new Set(paths).size, paths.length);
    for (const path of paths) {
      assert.match(path, /^\/data\//);
      for (const other of paths.filter((one) => one !== path))
        assert.ok(!other.startsWith(`${path}/`), `${other} is in ${path}`);
    }
    // Exemplars are dropped silently at the default of 0, and the tenant's rules are in the folder of its name.
    assert.ok(mimir.limits.max_global_exemplars_per_user > 0);
    assert.equal(mimir.multitenancy_enabled, false);
    assert.equal(mimir.ruler_storage.local.directory, '/etc/mimir/rules');
    assert.ok(
      existsSync(
        join(REPOSITORY, 'observability/mimir', mimir.alertmanager.fallback_config_file.replace('/etc/mimir/', '')),
      ),
    );
    const fallback = yaml('observability/mimir/alertmanager-fallback.yaml');
    assert.ok(fallback.receivers.some(({ name }) => name === fallback.route.receiver));
    const { compactor } = yaml('observability/loki/loki.yaml');
    assert.ok(compactor.retention_enabled && compactor.delete_request_store);
  });
});

suite('linters', () => {
  const run = (program, ...args) => spawnSync(program, args, { cwd: REPOSITORY, encoding: 'utf8' });

  test('yamllint', () => {
    const files = tracked.filter((path) => /\.ya?ml$/.test(path));
    assert.ok(files.length >= 8);
    const { status, stdout, stderr, error } = run('yamllint', '--strict', ...files);
    assert.equal(error, undefined, 'yamllint is missing: scripts/setup lint');
    assert.equal(status, 0, stdout + stderr);
  });

  test('shellcheck', () => {
    const files = tracked.filter((path) => {
      const absolute = join(REPOSITORY, path);
      return statSync(absolute).isFile() && /^#!.*\b(ba)?sh\n/.test(readFileSync(absolute, 'latin1').slice(0, 40));
    });
    for (const path of ['observability/setup-observability.sh', 'observability/init.sh', 'scripts/test'])
      assert.ok(files.includes(path), path);
    const { status, stdout, stderr, error } = run(
      'shellcheck',
      '--external-sources',
      '--source-path=SCRIPTDIR',
      ...files,
    );
    assert.equal(error, undefined, 'shellcheck is missing: scripts/setup lint');
    assert.equal(status, 0, stdout + stderr);
  });
});

suite('observability/README.md', () => {
  const readme = text('observability/README.md');

  test('its commands, paths, links and settings are there', () => {
    for (const [, commands] of readme.matchAll(/^\| ((?:`(?:start|status|logs|backup|restore|clean)[^|]*)) \|/gm)) {
      for (const [, command] of commands.matchAll(/`(\w+)/g))
        assert.match(script, new RegExp(`\\b${command}\\b`), command);
    }
    const [, tree] = /```text\n(.*?)```/s.exec(readme);
    for (const [, path] of tree.matchAll(/(\S*(?:\/|\.\w+|Dockerfile))(?=[ ;])/g)) {
      // Made by the script, and by whoever draws dashboards.
      if (['secrets/', 'mimir/rules/'].includes(path)) continue;
      const found = ['observability', '.'].some((folder) => existsSync(join(REPOSITORY, folder, path)));
      assert.ok(found, path);
    }
    const settings = readme.slice(readme.indexOf('## Settings'), readme.indexOf('## In production'));
    const named = [...settings.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name]) => name);
    assert.ok(named.length >= 12);
    for (const name of named.filter((one) => !one.startsWith('_'))) {
      const known = [text('compose.yaml'), text('compose.proxy.yaml'), script];
      assert.ok(known.some((one) => one.includes(`\${${name}:-`)) || script.includes(`setting ${name} `), name);
    }
    const used = ['compose.yaml', 'compose.proxy.yaml'].flatMap((path) => [...variables(text(path))]);
    // The script sets them, and nobody else.
    const isOwn = (name) => /^FILES_|_GOMEMLIMIT$|^(API_IMAGE|API_DOCKERFILE|DOCKER_SOCKET|OTEL_ENDPOINT)$/.test(name);
    for (const name of used.filter((one) => !isOwn(one)))
      assert.ok(settings.includes(name) || settings.includes(name.replace('GRAFANA_SMTP', '')), name);
  });

  test('its figures are those of the files', () => {
    const { services } = stack('compose.proxy.yaml');
    const limits = Object.values(stack().services).map(({ mem_limit: limit }) => bytes(limit));
    assert.ok(
      readme.includes(`memory limit (${(limits.reduce((one, other) => one + other) / 2 ** 30).toFixed(1)} GiB in all)`),
    );
    const [, names, values] = /^\| (`POSTGRES_MEMORY`.*?) \| (.*?) \|/m.exec(readme);
    const told = (cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, one]) => one);
    assert.deepEqual(
      told(values),
      told(names).map((name) => services[name.replace('_MEMORY', '').toLowerCase()].mem_limit),
    );
    assert.match(readme, /logs and traces 7 days, metrics 15/);
    assert.equal(yaml('observability/loki/loki.yaml').limits_config.retention_period, '168h');
    const tempo = yaml('observability/tempo/tempo.yaml');
    assert.equal(tempo.backend_worker.compaction.block_retention, '168h');
    assert.equal(tempo.backend_scheduler.provider.compaction.compaction.block_retention, '168h');
    assert.equal(yaml('observability/mimir/mimir.yaml').limits.compactor_blocks_retention_period, '15d');
  });
});
