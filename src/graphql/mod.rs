//! The GraphQL layer: types, inputs, payloads, and resolvers that translate. No rules and no SQL.

pub mod busy;
pub mod care_event;
pub mod care_record;
pub mod care_request;
pub mod comment;
pub mod connection;
pub mod document;
pub mod error;
pub mod feed;
pub mod lexical;
pub mod limits;
pub mod loaders;
pub mod messages;
pub mod node;
pub mod offer;
pub mod outcome;
pub mod plant;
pub mod request;
pub mod scalars;
pub mod scope;
pub mod service_limits;
pub mod session;
pub mod stream;
pub mod timeline;
pub mod user;

use std::any::TypeId;
use std::sync::Arc;

use async_graphql::futures_util::stream::{BoxStream, StreamExt as _, once};
use async_graphql::{
    Data, Executor, IntrospectionMode, MergedObject, MergedSubscription, Request, Response, SDLExportOptions,
    Schema, SchemaBuilder, value,
};
use async_graphql_value::ConstValue;

use self::busy::Busy;
use self::document::Document;
use self::error::{ApiError, Exceeded, with_codes};
use self::limits::Costs;
use self::scope::{Caller, Scope, Session};
use crate::app::App;

/// What can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    user::UserQuery,
    plant::PlantQuery,
    care_request::CareRequestQuery,
    feed::FeedQuery,
    node::NodeQuery,
    service_limits::ServiceQuery,
);

/// What can be done. Every mutation takes one `input` and answers with a payload; what is expected to be refused is in
/// its `userErrors`.
#[derive(MergedObject, Default)]
pub struct Mutation(
    session::SessionMutation,
    plant::PlantMutation,
    care_request::CareRequestMutation,
    offer::OfferMutation,
    care_record::CareRecordMutation,
    comment::CommentMutation,
    feed::FeedMutation,
);

/// What can be followed. Each stream can be resumed with the last cursor that was seen.
#[derive(MergedSubscription, Default)]
pub struct Subscription(care_request::CareRequestSubscription, feed::FeedSubscription);

type PlantCareSchema = Schema<Query, Mutation, Subscription>;

/// The schema with its process, ready to run operations within the limits.
#[derive(Clone)]
pub struct Api {
    schema: PlantCareSchema,
    costs: Arc<Costs>,
    sdl: Arc<str>,
    busy: Arc<Busy>,
    app: App,
}

/// The schema's text: what `plant-care schema` prints.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .include_specified_by()
        .use_space_ident();
    without_standard_directives(&builder().finish().sdl_with_options(options))
}

/// The directives of the GraphQL specification are every schema's, and are not written down (section 3.13).
fn without_standard_directives(sdl: &str) -> String {
    const STANDARD: [&str; 5] = ["@include", "@skip", "@deprecated", "@specifiedBy", "@oneOf"];
    let mut lines: Vec<&str> = Vec::new();
    for line in sdl.lines() {
        let name = line
            .strip_prefix("directive ")
            .map(|rest| rest.split('(').next().unwrap_or(rest));
        if name.is_some_and(|name| STANDARD.contains(&name)) {
            // Its description stands before it, between two lines of quotes.
            lines.pop();
            while lines.pop().is_some_and(|line| line != "\"\"\"") {}
        } else {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .override_output_type_description::<Query>("What can be asked.")
}

impl Api {
    /// Builds the schema over a process.
    pub fn new(app: App) -> Result<Self, async_graphql::parser::Error> {
        let mut builder = builder().data(app.clone());
        if !app.config.introspection {
            builder = builder.disable_suggestions();
        }
        let sdl = sdl();
        Ok(Self {
            schema: builder.finish(),
            costs: Arc::new(Costs::of_schema(&sdl)?),
            sdl: sdl.into(),
            busy: Arc::default(),
            app,
        })
    }

    /// The process.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The schema's text.
    pub fn sdl(&self) -> &str {
        &self.sdl
    }

    /// Who speaks in a session now.
    pub async fn caller(&self, session: &Session) -> Result<Caller, ApiError> {
        let caller = session.caller(&self.app).await;
        self.busy.note_caller(&caller);
        caller
    }

    /// Runs a query or mutation.
    pub async fn run(&self, document: Document, caller: Caller) -> Response {
        if document.is_subscription() {
            let message = "A subscription has many answers: follow it over a websocket, or with Accept: \
                           text/event-stream.";
            return ApiError::BadRequest(message.to_owned()).into_response();
        }
        let Admitted { request, cost } = match self.admit(document, caller) {
            Ok(admitted) => admitted,
            Err(response) => return *response,
        };
        let limits = &self.app.config.limits;
        let Ok(response) = tokio::time::timeout(limits.operation, self.schema.execute(request)).await else {
            return ApiError::LimitExceeded(Exceeded {
                limit: "OPERATION_SECONDS",
                value: limits.operation_seconds(),
                maximum: limits.operation_seconds(),
            })
            .into_response();
        };
        self.busy.note_response(&response);
        let response = with_codes(response);
        match cost {
            Some(cost) => response.extension("cost", cost),
            None => response,
        }
    }

    /// Follows a subscription; what is not one is run, and its answer the only one.
    async fn follow(self, request: Request, session: Option<Arc<Session>>) -> BoxStream<'static, Response> {
        let caller = match session {
            Some(session) => self.caller(&session).await,
            None => Ok(Caller::nobody()),
        };
        let caller = match caller {
            Ok(caller) => caller,
            Err(error) => return answer(error.into_response()),
        };
        let document = match self.document(request) {
            Ok(document) => document,
            Err(response) => return answer(*response),
        };
        if !document.is_subscription() {
            return answer(self.run(document, caller).await);
        }
        match self.admit(document, caller) {
            Ok(admitted) => self
                .schema
                .execute_stream(admitted.request)
                .map(with_codes)
                .boxed(),
            Err(response) => answer(*response),
        }
    }

    /// Refuses what exceeds a limit, and gives the operation its scope.
    fn admit(&self, document: Document, caller: Caller) -> Result<Admitted, Box<Response>> {
        let config = &self.app.config;
        let refused = |error: ApiError| Err(Box::new(error.into_response()));
        let variables = &document.request.variables;
        // All operations have to be within the limits: whichever runs, all of them are validated.
        let mut cost = 0;
        for (_, operation) in document.parsed.operations.iter() {
            let measured = self
                .costs
                .measure(&document.parsed, &operation.node, variables, &config.limits);
            if let Some(exceeded) = measured.exceeded(&config.limits) {
                return refused(ApiError::LimitExceeded(exceeded));
            }
            if measured.introspects() && !config.introspection {
                let message = "The schema cannot be asked for here: introspection is switched off.";
                return refused(ApiError::BadRequest(message.to_owned()));
            }
            if document
                .operation()
                .is_some_and(|runs| std::ptr::eq(runs, &raw const operation.node))
            {
                cost = measured.cost();
            }
        }
        let Document { mut request, parsed } = document;
        let asked = request.extensions.get("cost") == Some(&ConstValue::Boolean(true));
        request.set_parsed_query(parsed);
        if !config.introspection {
            request.introspection_mode = IntrospectionMode::Disabled;
        }
        Ok(Admitted {
            request: request.data(Scope::new(caller, self.app.database.clone())),
            cost: asked.then(|| value!({ "requested": cost, "maximum": config.limits.cost })),
        })
    }
}

/// An operation within the limits.
struct Admitted {
    request: Request,
    /// What is told of its cost, if that was asked for.
    cost: Option<ConstValue>,
}

impl Executor for Api {
    async fn execute(&self, request: Request) -> Response {
        // The transports call `run`; whoever comes this way is nobody in particular.
        match self.document(request) {
            Ok(document) => self.run(document, Caller::nobody()).await,
            Err(response) => *response,
        }
    }

    fn execute_stream(&self, request: Request, data: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let session = data
            .as_ref()
            .and_then(|data| data.get(&TypeId::of::<Arc<Session>>()));
        let session = session.and_then(|session| session.downcast_ref()).cloned();
        once(self.clone().follow(request, session)).flatten().boxed()
    }
}

fn answer(response: Response) -> BoxStream<'static, Response> {
    once(std::future::ready(response)).boxed()
}
