// The example tabs. Free of browser code: the tests check every operation against the schema.

const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
const example = (query, variables) => ({
  query: `${query.trim()}\n`,
  variables: variables && JSON.stringify(variables, null, 2),
});

const LOG_IN = `
# Start here: Register once, then LogIn.
# The play button offers both.
#
# The access token of the answer goes into
# the field at the top. Log in as a second
# person too: the list beside the field
# switches between them.
mutation LogIn($login: LoginInput!) {
  login(input: $login) {
    session {
      accessToken
      refreshToken
      expiresAt
      user { id displayName }
    }
    userErrors { code message field }
  }
}

mutation Register($account: RegisterInput!) {
  register(input: $account) {
    session {
      accessToken
      refreshToken
      expiresAt
      user { id displayName }
    }
    userErrors { code message field }
  }
}
`;

const MY_CARE = `
# What you asked for (as OWNER) or look
# after (as CARETAKER). Take the ids for
# the other tabs from here.
query MyCare($as: CareRole!, $first: Int!, $after: String) {
  viewer { id displayName }
  careRequests(as: $as, first: $first, after: $after) {
    edges {
      node {
        id
        title
        status
        startsOn
        endsOn
        plants { id name }
        caretaker { displayName }
      }
    }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
`;

const ADD_PLANT = `
# The owner's first step: a plant.
mutation AddPlant($input: CreatePlantInput!) {
  createPlant(input: $input) {
    plant { id name }
    userErrors { code message field }
  }
}
`;

const ASK_FOR_CARE = `
# The owner asks for care of some plants.
# "publish": true opens it for offers
# at once.
mutation AskForCare($input: CreateCareRequestInput!) {
  createCareRequest(input: $input) {
    careRequest { id status }
    cursor
    userErrors { code message field }
  }
}
`;

const FIND_REQUESTS = `
# A caretaker looks for open requests
# around a place. "cell" is a geohash:
# the place is never exact.
query FindRequests($near: NearInput, $from: Date, $to: Date) {
  openCareRequests(near: $near, from: $from, to: $to, first: 10) {
    edges {
      node {
        id
        title
        startsOn
        endsOn
        plants { name }
      }
    }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
`;

const AGREE_ON_CARE = `
# 1. The caretaker sends an offer.
mutation SendOffer($offer: SendOfferInput!) {
  sendOffer(input: $offer) {
    offer { id }
    userErrors { code message field }
  }
}

# 2. The owner accepts it.
mutation AcceptOffer($accept: AcceptOfferInput!) {
  acceptOffer(input: $accept) {
    userErrors { code message field }
  }
}

# 3. The caretaker starts.
mutation StartCare($start: StartCareInput!) {
  startCare(input: $start) {
    userErrors { code message field }
  }
}
`;

const RECORD_CARE = `
# Run LiveCare in a second browser tab and
# watch this arrive.
#
# The same idempotencyKey again does not
# water twice: the answer is the event of
# the first try.
mutation RecordCare($care: RecordCareInput!) {
  recordCare(input: $care) {
    event { id seq }
    cursor
    userErrors { code message field }
  }
}

mutation AddComment($comment: AddCommentInput!) {
  addComment(input: $comment) {
    userErrors { code message field }
  }
}
`;

const TIMELINE = `
# All that has happened in a care request,
# page by page.
query Timeline($id: ID!, $first: Int!, $after: String) {
  careRequest(id: $id) {
    id
    title
    status
    timeline(first: $first, after: $after) {
      edges {
        cursor
        node {
          __typename
          id
          seq
          occurredAt
          actor { displayName }
          ... on CareRecorded { taskKind amountMl note }
        }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}
`;

const LIVE_CARE = `
# The heart of it: care as it happens.
#
# With "after", the cursor of a message you
# have, all that came since is sent first.
# StreamCaughtUp: you are up to date.
subscription LiveCare($careRequestId: ID!, $after: String) {
  careEvents(careRequestId: $careRequestId, after: $after) {
    __typename
    ... on CareEventDelivered {
      cursor
      event {
        __typename
        id
        seq
        occurredAt
        actor { displayName }
        ... on CareRecorded { taskKind amountMl note }
      }
    }
    ... on StreamCaughtUp { cursor }
    ... on StreamPosition { cursor }
    ... on StreamGap { from to gapReason: reason }
    ... on StreamEnded { endReason: reason }
  }
}
`;

const LIVE_FEED = `
# All that concerns you, live.
subscription LiveFeed($after: String) {
  myFeed(after: $after) {
    __typename
    ... on FeedEventDelivered {
      cursor
      level
      event { __typename occurredAt }
    }
    ... on FeedReadMoved { unread }
    ... on StreamCaughtUp { cursor }
    ... on StreamPosition { cursor }
    ... on StreamGap { from to gapReason: reason }
    ... on StreamEnded { endReason: reason }
  }
}

# What is there, and how much is unread.
query Feed {
  feed {
    unread
    events(first: 20) {
      edges {
        node {
          cursor
          level
          event { __typename occurredAt }
        }
      }
    }
  }
}

# Read up to this cursor.
mutation MarkFeedRead($read: MarkFeedReadInput!) {
  markFeedRead(input: $read) {
    feed { unread }
    userErrors { code message field }
  }
}
`;

/** GraphiQL's default tabs: an operation and its variables each. */
export const EXAMPLES = [
  example(LOG_IN, {
    login: { email: 'owner@example.org', password: 'correct horse battery staple' },
    account: {
      email: 'owner@example.org',
      password: 'correct horse battery staple',
      displayName: 'Olive Owner',
    },
  }),
  example(MY_CARE, { as: 'OWNER', first: 10 }),
  example(ADD_PLANT, { input: { name: 'Monstera' } }),
  example(ASK_FOR_CARE, {
    input: {
      plantIds: ['<plant id>'],
      title: 'Holiday watering',
      mode: 'AT_OWNER',
      startsOn: day(0),
      endsOn: day(7),
      timezone: 'UTC',
      instructions: 'A glass of water when the soil is dry.',
      publish: true,
    },
  }),
  example(FIND_REQUESTS, { near: { cell: 'u33dch', radiusKm: 25 }, from: day(0), to: day(30) }),
  example(AGREE_ON_CARE, {
    offer: { careRequestId: '<care request id>', message: 'I live next door.' },
    accept: { offerId: '<offer id>' },
    start: { careRequestId: '<care request id>' },
  }),
  example(RECORD_CARE, {
    care: {
      careRequestId: '<care request id>',
      plantId: '<plant id>',
      kind: 'WATER',
      amountMl: 250,
      note: 'The soil was dry',
      idempotencyKey: 'change-me-for-every-care',
    },
    comment: { careRequestId: '<care request id>', body: 'She looks happy.' },
  }),
  example(TIMELINE, { id: '<care request id>', first: 20 }),
  example(LIVE_CARE, { careRequestId: '<care request id>' }),
  example(LIVE_FEED, { read: { cursor: '<cursor>' } }),
];
