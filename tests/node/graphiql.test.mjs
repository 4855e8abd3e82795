// The GraphiQL page in a real browser against the real program.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { recordCare, startedCare } from './care.mjs';
import { startServer } from './server.mjs';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; " +
  "worker-src 'self'; font-src 'self'; img-src 'self' data:; frame-ancestors 'none'; " +
  "base-uri 'none'; form-action 'none'";

let server;
let care;
let browser;

before(async () => {
  server = await startServer();
  care = await startedCare(server.url);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ARGUMENTS,
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A browser window on the page, and the list of all that went wrong in it. */
async function openPage(t, path = '/graphiql') {
  const context = await browser.newContext({ viewport: { width: 1200, height: 750 } });
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints = [];
  const sockets = [];
  await page.exposeFunction('complain', (text) => complaints.push(text));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      globalThis.complain(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  context.on('request', (request) => {
    if (new URL(request.url()).origin !== server.url) complaints.push(`foreign: ${request.url()}`);
  });
  page.on('websocket', (socket) => sockets.push(socket.url()));
  const response = await page.goto(server.url + path);
  await page.locator('.graphiql-query-editor .view-line').first().waitFor();
  return { page, complaints, sockets, response };
}

async function enterToken(page, token) {
  const field = page.getByLabel('Access token');
  await field.fill(token);
  await field.press('Enter');
}

async function openTab(page, name, variables) {
  await page.getByRole('tab', { name }).click();
  await page.locator('.graphiql-query-editor', { hasText: name }).waitFor();
  await page.locator('section[aria-label=Variables] .graphiql-editor:not(.hidden) .view-lines').click();
  await page.keyboard.press('ControlOrMeta+A');
  // Pasted, not typed: the editor would close every quote and bracket by itself.
  await page.locator('*:focus').evaluate((input, text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', text);
    input.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
  }, JSON.stringify(variables, null, 2));
}

const run = (page) => page.getByRole('button', { name: 'Execute query' }).click();

/** Waits until the response pane shows the text; the editor breaks lines where it likes. */
const shows = (page, text) =>
  page.waitForFunction(
    (wanted) => {
      const pane = document.querySelector('.graphiql-response .view-lines');
      return pane?.innerText.replace(/\s/g, '').includes(wanted);
    },
    text.replace(/\s/g, ''),
  );

/** A picture without the scroll bars that show themselves under the mouse. */
async function takePicture(page, path) {
  await page.mouse.move(0, 0);
  await page.waitForFunction(() => !document.querySelector('.monaco-editor .scrollbar.visible'));
  await page.screenshot({ path, animations: 'disabled' });
}

test('the page comes with a strict policy, under both addresses', async () => {
  const page = await fetch(`${server.url}/graphiql`);
  assert.equal(page.headers.get('content-security-policy'), POLICY);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.equal(page.headers.get('cache-control'), 'no-cache');
  const html = await page.text();
  assert.match(html, /<title>Plant Care GraphiQL<\/title>/);

  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  const same = await fetch(`${server.url}/graphql`, { headers: { accept } });
  assert.equal(same.status, 200);
  assert.equal(same.headers.get('content-security-policy'), POLICY);
  assert.equal(await same.text(), html);

  const asset = await fetch(server.url + /\/graphiql\/assets\/[^"]+\.js/.exec(html)[0]);
  assert.equal(asset.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  const licences = await fetch(`${server.url}/graphiql/LICENSES.txt`);
  assert.match(await licences.text(), /monaco-editor .* \(MIT\)/);
  const missing = await fetch(`${server.url}/graphiql/assets/none.js`);
  assert.equal(missing.status, 404);
});

test('a query runs with the token of the field, which no lasting storage keeps', async (t) => {
  const { page, complaints } = await openPage(t, '/graphql');
  assert.equal(await page.title(), 'Plant Care GraphiQL');
  await enterToken(page, care.owner.token);
  await openTab(page, 'MyCare', { as: 'OWNER', first: 10 });
  await run(page);
  await shows(page, `"displayName": "${care.owner.name}"`);
  await shows(page, `"title": "${care.title}"`);
  const lasting = await page.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie);
  assert.ok(!lasting.includes(care.owner.token));
  assert.deepEqual(complaints, []);
});

test('a login fills the token field', async (t) => {
  const { page, complaints } = await openPage(t);
  await openTab(page, 'LogIn', {
    account: { email: 'nora@example.org', password: 'a long enough passphrase 8', displayName: 'Nora' },
  });
  await run(page);
  await page.getByRole('menuitem', { name: 'Register' }).click();
  await page.getByLabel('Account').and(page.locator('select')).waitFor();
  // The token is there before the answer is shown, and the answer goes to the tab that is open then.
  await shows(page, '"accessToken":');
  assert.notEqual(await page.getByLabel('Access token').inputValue(), '');
  await openTab(page, 'MyCare', { as: 'OWNER', first: 10 });
  await run(page);
  await shows(page, '"displayName": "Nora"');
  assert.deepEqual(complaints, []);
});

test('care that is recorded elsewhere arrives in the page', async (t) => {
  const { page, complaints, sockets } = await openPage(t);
  const messages = page.getByLabel('Messages of the subscription');
  await enterToken(page, care.owner.token);
  await openTab(page, 'LiveCare', { careRequestId: care.careRequestId });
  await run(page);
  await messages.getByText('StreamCaughtUp').waitFor();
  await page.getByText('Live: connected').waitFor();

  await recordCare(care, 'The soil was dry');
  await shows(page, '"__typename": "CareRecorded"');
  await shows(page, '"note": "The soil was dry"');
  await messages.getByText(`by ${care.caretaker.name}`).first().waitFor();
  if (process.env.SCREENSHOT) await takePicture(page, process.env.SCREENSHOT);
  assert.deepEqual(sockets, [`${server.url.replace('http', 'ws')}/graphql`]);

  // Another token: another connection, on which the subscription goes on.
  await enterToken(page, care.caretaker.token);
  await messages.getByText('StreamCaughtUp').nth(1).waitFor();
  await page.getByText('Live: connected').waitFor();
  assert.equal(sockets.length, 2);
  await recordCare(care, 'And again');
  await shows(page, '"note": "And again"');

  await page.getByRole('button', { name: 'Stop query' }).click();
  await page.getByText('Live: off').waitFor();
  assert.deepEqual(complaints, []);
});
