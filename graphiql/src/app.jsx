import { useEffect, useRef, useState } from 'react';
import { GraphiQL } from 'graphiql';
import { useGraphiQL } from '@graphiql/react';
import { apiFetcher, live, log } from './api.js';
import { EXAMPLES } from './examples.js';
import { accounts, notice, token, applyToken } from './session.js';
import { storage, forgetTabs } from './storage.js';
import leaf from './leaf.svg';

const LIVE_LABEL = {
  idle: 'Live: off',
  connecting: 'Live: connecting',
  connected: 'Live: connected',
  retrying: 'Live: reconnecting',
  closed: 'Live: closed',
};

function TokenField() {
  const current = token.use();
  const known = accounts.use();
  const [draft, setDraft] = useState(current);
  const [shown, setShown] = useState(false);
  // A login fills the field.
  useEffect(() => setDraft(current), [current]);
  const submit = (event) => {
    event.preventDefault();
    applyToken(draft);
  };
  return (
    <form className="pc-token" onSubmit={submit} autoComplete="off">
      <label htmlFor="access-token">Access token</label>
      <span className="pc-input">
        <input
          id="access-token"
          type={shown ? 'text' : 'password'}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={() => applyToken(draft)}
          placeholder="none: run LogIn, or paste one here"
          autoComplete="off"
          spellCheck="false"
          data-1p-ignore=""
          data-lpignore="true"
        />
        <button type="button" onClick={() => setShown(!shown)} aria-pressed={shown}>
          {shown ? 'Hide' : 'Show'}
        </button>
        <button type="button" onClick={() => applyToken('')} disabled={!current}>
          Clear
        </button>
      </span>
      {known.length > 0 && (
        <select
          aria-label="Account"
          title="The accounts that logged in here"
          value={current}
          onChange={(event) => applyToken(event.target.value)}
        >
          {!known.some((account) => account.token === current) && (
            <option value={current}>{current ? 'Pasted token' : 'Nobody'}</option>
          )}
          {known.map((account) => (
            <option key={account.name} value={account.token}>
              {account.name}
            </option>
          ))}
        </select>
      )}
    </form>
  );
}

function TopBar() {
  const { state, detail } = live.use();
  const message = notice.use();
  return (
    <header className="pc-bar">
      <span className="pc-brand">
        <img src={leaf} alt="" width="22" height="22" />
        Plant Care <small>GraphiQL</small>
      </span>
      <TokenField />
      <span className="pc-notice" role="status">
        {message}
      </span>
      <span className="pc-live" data-state={state} title={detail || LIVE_LABEL[state]}>
        <i aria-hidden="true" />
        {LIVE_LABEL[state]}
        {state === 'closed' && ` (${detail})`}
      </span>
      <button
        type="button"
        className="pc-reset"
        title="Bring back the example tabs; your edits are lost"
        onClick={() => {
          forgetTabs();
          location.reload();
        }}
      >
        Reset tabs
      </button>
    </header>
  );
}

/** One line for one message of a subscription. */
function summary(answer) {
  if (answer.errors?.length) return ['Error', answer.errors.map((e) => e.message).join('; ')];
  const [field, message] = Object.entries(answer.data ?? {})[0] ?? [];
  if (!message?.__typename) return [field ?? 'message', JSON.stringify(message)];
  const event = message.event;
  const rest = event
    ? [event.__typename, event.seq && `#${event.seq}`, event.actor?.displayName && `by ${event.actor.displayName}`]
    : Object.entries(message)
        .filter(([key, value]) => key !== '__typename' && key !== 'cursor' && value !== null)
        .map(([key, value]) => `${key} ${value}`);
  return [message.__typename, rest.filter(Boolean).join(' ')];
}

/** The messages of the running subscription: the pane above shows only the last one. */
function StreamLog() {
  const entries = log.use();
  if (entries.length === 0) return null;
  return (
    <section className="pc-log" aria-label="Messages of the subscription">
      <ol>
        {entries.map(({ key, at, answer }) => {
          const [type, text] = summary(answer);
          return (
            <li key={key}>
              <time>{at.toLocaleTimeString('en-GB')}</time>
              <b>{type}</b>
              <span>{text}</span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** GraphiQL opens the first default tab without its variables; this puts them into the editor. */
function FirstVariables() {
  const { editor, tab } = useGraphiQL((state) => ({
    editor: state.variableEditor,
    tab: state.tabs[state.activeTabIndex],
  }));
  const done = useRef(false);
  useEffect(() => {
    if (!editor || done.current) return;
    done.current = true;
    if (!editor.getValue() && tab?.variables) editor.setValue(tab.variables);
  }, [editor, tab]);
  return null;
}

export function App() {
  return (
    <div className="pc-page">
      <TopBar />
      <GraphiQL
        fetcher={apiFetcher}
        storage={storage}
        defaultTabs={EXAMPLES}
        defaultEditorToolsVisibility="variables"
        inputValueDeprecation
        schemaDescription
      >
        <GraphiQL.Logo>
          {/* The top bar has it; the tabs need the room. */}
          <span hidden />
        </GraphiQL.Logo>
        <GraphiQL.Footer>
          <StreamLog />
        </GraphiQL.Footer>
        <FirstVariables />
      </GraphiQL>
    </div>
  );
}
