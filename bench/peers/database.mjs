// What the peers with resolvers ask of Postgres. Every statement is named, so that each connection prepares it once.
import pg from 'pg';

const { builtins, setTypeParser } = pg.types;
// Days stay as they are written, times become RFC 3339 with their microseconds: no Date is made of either.
setTypeParser(builtins.DATE, (text) => text);
setTypeParser(builtins.TIMESTAMPTZ, (text) => `${text.slice(0, 10)}T${text.slice(11, -3)}Z`);

export const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL ?? 20),
  options: '-c TimeZone=UTC',
  // The rounds of a comparison have pauses; connections are not to be made anew in each.
  idleTimeoutMillis: 0,
});

/** The rows of a statement. */
export async function rows(name, text, values, client = pool) {
  const result = await client.query({ name, text, values });
  return result.rows;
}

/** Runs `work` with a client in a transaction. */
export async function transaction(work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const value = await work(client);
    await client.query('COMMIT');
    return value;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
