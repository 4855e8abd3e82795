// A care request that has started, with its two members.
import { client } from './server.mjs';

const PASSWORD = 'a long enough passphrase 7';
const userErrors = 'userErrors { code message field }';

const tokens = 'session { accessToken refreshToken }';

async function register(url, name) {
  const email = `${name.toLowerCase()}@example.org`;
  const { register } = await client(url)(
    `mutation ($input: RegisterInput!) {
      register(input: $input) { ${tokens} ${userErrors} }
    }`,
    { input: { email, password: PASSWORD, displayName: name } },
  );
  const token = register.session.accessToken;
  return { name, email, token, call: client(url, token) };
}

/** The tokens of a new session of a member. */
export async function logIn(url, { email, password = PASSWORD }) {
  const { login } = await client(url)(
    `mutation ($input: LoginInput!) { login(input: $input) { ${tokens} ${userErrors} } }`,
    { input: { email, password } },
  );
  return login.session;
}

const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** A published request of a member for a new plant of hers. */
export async function publishedRequest(owner, title) {
  const { createPlant } = await owner.call(
    `mutation ($input: CreatePlantInput!) { createPlant(input: $input) { plant { id } ${userErrors} } }`,
    { input: { name: 'Monstera' } },
  );
  const plantId = createPlant.plant.id;
  const { createCareRequest } = await owner.call(
    `mutation ($input: CreateCareRequestInput!) {
      createCareRequest(input: $input) { careRequest { id } ${userErrors} }
    }`,
    {
      input: {
        plantIds: [plantId],
        title,
        mode: 'AT_OWNER',
        startsOn: day(0),
        endsOn: day(7),
        timezone: 'UTC',
        publish: true,
      },
    },
  );
  return { plantId, careRequestId: createCareRequest.careRequest.id };
}

/** Care that has started, of two members; their names are those of no other member of this server. */
export async function startedCare(url, names = ['Olive', 'Carl']) {
  const [owner, caretaker] = [await register(url, names[0]), await register(url, names[1])];
  const title = 'Holiday watering';
  const { plantId, careRequestId } = await publishedRequest(owner, title);
  const { sendOffer } = await caretaker.call(
    `mutation ($input: SendOfferInput!) { sendOffer(input: $input) { offer { id } ${userErrors} } }`,
    { input: { careRequestId, message: 'I live next door.' } },
  );
  await owner.call(
    `mutation ($input: AcceptOfferInput!) { acceptOffer(input: $input) { ${userErrors} } }`,
    { input: { offerId: sendOffer.offer.id } },
  );
  await caretaker.call(
    `mutation ($input: StartCareInput!) { startCare(input: $input) { ${userErrors} } }`,
    { input: { careRequestId } },
  );
  return { owner, caretaker, plantId, careRequestId, title };
}

export async function recordCare({ caretaker, careRequestId, plantId }, note) {
  await caretaker.call(
    `mutation ($input: RecordCareInput!) {
      recordCare(input: $input) { event { id } ${userErrors} }
    }`,
    {
      input: {
        careRequestId,
        plantId,
        kind: 'WATER',
        amountMl: 250,
        note,
        idempotencyKey: crypto.randomUUID(),
      },
    },
  );
}

/** The ids of a request's events, as its timeline tells them. */
export async function eventsOf({ owner, careRequestId }) {
  const { careRequest } = await owner.call(
    `query ($id: ID!) { careRequest(id: $id) { timeline(first: 100) { edges { node { id } } } } }`,
    { id: careRequestId },
  );
  return careRequest.timeline.edges.map(({ node }) => node.id);
}
