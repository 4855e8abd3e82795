// Who the page speaks for. Tokens are kept in sessionStorage alone: they go with the browser tab.
import { createStore } from './store.js';

const TOKEN = 'plant-care:token';
const ACCOUNTS = 'plant-care:accounts';

function stored(key, fallback) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

/** The access token in use, or the empty string. */
export const token = createStore(stored(TOKEN, ''));
/** The accounts that logged in on this page: `{name, token}`, the last one first. */
export const accounts = createStore(stored(ACCOUNTS, []));
/** What the page did by itself, for the person to see. */
export const notice = createStore('');

token.subscribe((value) => sessionStorage.setItem(TOKEN, JSON.stringify(value)));
accounts.subscribe((value) => sessionStorage.setItem(ACCOUNTS, JSON.stringify(value)));

/** Speaks with another token from now on. */
export function applyToken(value) {
  // People paste the whole header as often as the token.
  const bare = value.trim().replace(/^bearer\s+/i, '');
  if (bare === token.get()) return;
  notice.set('');
  token.set(bare);
}

/** Takes the access token out of the answer of login, register or refreshSession. */
export function noticeSession(answer) {
  const fields = Object.entries(answer?.data ?? {});
  const [field, payload] = fields.find(([, value]) => value?.session?.accessToken) ?? [];
  if (!payload) return;
  const { accessToken, user } = payload.session;
  const before = accounts.get().find((account) => account.token === token.get());
  const name = user?.displayName ?? (field === 'refreshSession' ? before?.name : null) ?? 'You';
  accounts.set([
    { name, token: accessToken },
    ...accounts.get().filter((account) => account.name !== name),
  ]);
  token.set(accessToken);
  notice.set(`Token taken from the answer of ${field}`);
}
