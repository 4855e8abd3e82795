//! The GraphQL layer: types, inputs, payloads, and resolvers that translate. No rules and no SQL.

pub mod care_event;
pub mod care_record;
pub mod care_request;
pub mod comment;
pub mod connection;
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
pub mod scalars;
pub mod scope;
pub mod session;
pub mod stream;
pub mod timeline;
pub mod user;

use std::any::TypeId;
use std::sync::Arc;

use async_graphql::futures_util::stream::{BoxStream, StreamExt as _, once};
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, OperationType};

use async_graphql::{
    Data, Executor, IntrospectionMode, MergedObject, MergedSubscription, Request, Response, SDLExportOptions,
    Schema, SchemaBuilder,
};

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

    /// Runs a query or mutation.
    pub async fn run(&self, request: Request, caller: Caller) -> Response {
        let request = match self.admit(request, caller) {
            Ok(request) => request,
            Err(response) => return *response,
        };
        let limit = self.app.config.limits.operation;
        if let Ok(response) = tokio::time::timeout(limit, self.schema.execute(request)).await {
            return with_codes(response);
        }
        let seconds = usize::try_from(limit.as_secs()).unwrap_or(usize::MAX);
        ApiError::LimitExceeded(Exceeded {
            limit: "OPERATION_SECONDS",
            value: seconds,
            maximum: seconds,
        })
        .into_response()
    }

    /// Follows a subscription; what is not one is run, and its answer the only one.
    async fn follow(
        self,
        mut request: Request,
        session: Option<Arc<Session>>,
    ) -> BoxStream<'static, Response> {
        let caller = match session {
            Some(session) => session.caller(&self.app).await,
            None => Ok(Caller::nobody()),
        };
        let caller = match caller {
            Ok(caller) => caller,
            Err(error) => return answer(error.into_response()),
        };
        let is_subscription = match self.parse(&mut request) {
            Ok(document) => document
                .operations
                .iter()
                .any(|(_, operation)| is_subscription(&operation.node)),
            Err(response) => return answer(*response),
        };
        if !is_subscription {
            return answer(self.run(request, caller).await);
        }
        match self.admit(request, caller) {
            Ok(request) => self.schema.execute_stream(request).map(with_codes).boxed(),
            Err(response) => answer(*response),
        }
    }

    /// Parses a request's document, if its text is within the limits.
    pub fn parse<'r>(&self, request: &'r mut Request) -> Result<&'r ExecutableDocument, Box<Response>> {
        lexical::check(&request.query, &self.app.config.limits)
            .map_err(|exceeded| Box::new(ApiError::LimitExceeded(exceeded).into_response()))?;
        request
            .parsed_query()
            .map_err(|error| Box::new(with_codes(Response::from_errors(vec![error]))))
    }

    /// Refuses what exceeds a limit, and gives the operation its scope.
    fn admit(&self, mut request: Request, caller: Caller) -> Result<Request, Box<Response>> {
        let variables = request.variables.clone();
        let document = self.parse(&mut request)?;
        // All operations have to be within the limits: whichever runs, all of them are validated.
        for (_, operation) in document.operations.iter() {
            let measured = self
                .costs
                .measure(document, &operation.node, &variables, &self.app.config.limits);
            if let Some(exceeded) = measured.exceeded(&self.app.config.limits) {
                return Err(Box::new(ApiError::LimitExceeded(exceeded).into_response()));
            }
        }
        if !self.app.config.introspection {
            request.introspection_mode = IntrospectionMode::Disabled;
        }
        Ok(request.data(Scope::new(caller, self.app.database.clone())))
    }
}

impl Executor for Api {
    async fn execute(&self, request: Request) -> Response {
        // The transports call `run`; whoever comes this way is nobody in particular.
        self.run(request, Caller::nobody()).await
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

fn is_subscription(operation: &OperationDefinition) -> bool {
    operation.ty == OperationType::Subscription
}
