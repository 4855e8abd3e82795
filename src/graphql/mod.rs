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
pub mod live;
pub mod loaders;
pub mod messages;
pub mod node;
pub mod offer;
pub mod outcome;
pub mod plant;
pub mod scalars;
pub mod scope;
pub mod session;
pub mod timeline;
pub mod user;

use std::sync::Arc;

use async_graphql::futures_util::StreamExt as _;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{
    IntrospectionMode, MergedObject, MergedSubscription, Request, Response, SDLExportOptions, Schema,
    SchemaBuilder, ValidationMode,
};

use self::error::{ApiError, Exceeded, with_codes};
use self::limits::Costs;
use self::live::{Groups, Stage};
use self::scope::{Caller, Scope};
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
    /// The same, for what has been validated before.
    teller: PlantCareSchema,
    groups: Arc<Groups>,
    costs: Arc<Costs>,
    sdl: Arc<str>,
    app: App,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It reads.
    Query,
    /// It changes.
    Mutation,
    /// It follows.
    Subscription,
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
        let mut strict = builder().data(app.clone());
        if !app.config.introspection {
            strict = strict.disable_suggestions();
        }
        let fast = builder().data(app.clone()).validation_mode(ValidationMode::Fast);
        let sdl = sdl();
        Ok(Self {
            schema: strict.finish(),
            teller: fast.finish(),
            groups: Arc::default(),
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
        self.out_of_time()
    }

    /// What a request asks for.
    pub fn kind(&self, request: &mut Request) -> Result<Kind, Box<Response>> {
        let name = request.operation_name.clone();
        let document = self.parse(request)?;
        Ok(match live::operation(document, name.as_deref()) {
            Ok(operation) => match operation.node.ty {
                OperationType::Query => Kind::Query,
                OperationType::Mutation => Kind::Mutation,
                OperationType::Subscription => Kind::Subscription,
            },
            // What is wrong with it is told when it is run.
            Err(_) => Kind::Query,
        })
    }

    /// Resolves one message of a subscription that was opened before; nothing if there is nothing to tell.
    async fn tell(&self, request: Request, caller: Caller, stage: Arc<Stage>) -> Option<Response> {
        let request = request
            .data(Scope::new(caller, self.app.database.clone()))
            .data(stage);
        let mut answers = self.teller.execute_stream(request);
        let limit = self.app.config.limits.operation;
        match tokio::time::timeout(limit, answers.next()).await {
            Ok(answer) => answer,
            Err(_) => Some(self.out_of_time()),
        }
    }

    fn out_of_time(&self) -> Response {
        let seconds = usize::try_from(self.app.config.limits.operation.as_secs()).unwrap_or(usize::MAX);
        ApiError::LimitExceeded(Exceeded {
            limit: "OPERATION_SECONDS",
            value: seconds,
            maximum: seconds,
        })
        .into_response()
    }

    /// What subscriptions share.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    fn schema(&self) -> &PlantCareSchema {
        &self.schema
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
        self.check(&mut request)?;
        if !self.app.config.introspection {
            request.introspection_mode = IntrospectionMode::Disabled;
        }
        Ok(request.data(Scope::new(caller, self.app.database.clone())))
    }

    /// Refuses what exceeds a limit.
    fn check(&self, request: &mut Request) -> Result<(), Box<Response>> {
        let variables = request.variables.clone();
        let document = self.parse(request)?;
        // All operations have to be within the limits: whichever runs, all of them are validated.
        for (_, operation) in document.operations.iter() {
            let measured = self
                .costs
                .measure(document, &operation.node, &variables, &self.app.config.limits);
            if let Some(exceeded) = measured.exceeded(&self.app.config.limits) {
                return Err(Box::new(ApiError::LimitExceeded(exceeded).into_response()));
            }
        }
        Ok(())
    }
}
