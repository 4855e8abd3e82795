//! The GraphQL layer: types, inputs, payloads, and resolvers that translate. No rules and no SQL.

pub mod ahead;
pub mod at_hand;
mod batches;
pub mod busy;
pub mod care_event;
pub mod care_record;
pub mod care_request;
pub mod comment;
pub mod connection;
mod discreet;
pub mod document;
pub mod error;
pub mod feed;
pub mod json;
pub mod known;
pub mod lexical;
pub mod limits;
pub mod list;
pub mod live;
pub mod loaders;
pub mod messages;
pub mod meter;
pub mod node;
pub mod offer;
pub mod outcome;
pub mod page;
pub mod persisted;
pub mod plant;
pub mod request;
pub mod runnable;
pub mod scalars;
pub mod scope;
pub mod service_limits;
pub mod session;
mod slices;
pub mod specification;
pub mod stream_ticket;
pub mod timeline;
mod turn;
pub mod user;

use std::ops::Deref;
use std::sync::Arc;

use async_graphql::futures_util::StreamExt as _;
use async_graphql::parser::types::OperationType;
use async_graphql::{
    IntrospectionMode, MergedObject, MergedSubscription, Request, Response, SDLExportOptions, Schema,
    SchemaBuilder, ValidationMode,
};
use async_graphql_value::ConstValue;

use self::batches::with_batches;
use self::busy::Busy;
use self::discreet::discreet;
use self::document::Document;
use self::error::{ApiError, is_ours, outcome, with_codes};
use self::known::Known;
use self::limits::Costs;
use self::live::{Groups, OnBoard, ToTell};
use self::meter::{Meter, WATCHED_FROM, Watched};
use self::persisted::Persisted;
use self::runnable::Ready;
use self::scope::{Caller, Scope, Session};
use self::specification::{SchemaError, Specification, kind};
use crate::app::App;
use crate::auth::Bearer;
use crate::telemetry::calls::Calls;
use crate::telemetry::operation::{Notes, Operation, Outcome};
use crate::telemetry::resolvers::Resolvers;

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
    stream_ticket::StreamTicketMutation,
);

/// What can be followed. Each stream can be resumed with the last cursor that was seen.
#[derive(MergedSubscription, Default)]
pub struct Subscription(care_request::CareRequestSubscription, feed::FeedSubscription);

type PlantCareSchema = Schema<Query, Mutation, Subscription>;

/// The schema before it is finished.
pub type Builder = SchemaBuilder<Query, Mutation, Subscription>;

/// The schema with its process, ready to run operations within the limits. Every request has one: it is a handle.
#[derive(Clone)]
pub struct Api(Arc<Parts>);

/// What an [`Api`] is made of.
pub struct Parts {
    /// What documents are read by, before anything of them runs.
    specification: Specification,
    /// What runs them.
    schema: PlantCareSchema,
    /// The same, with an eye on each resolver.
    observed: PlantCareSchema,
    calls: Arc<Calls>,
    groups: Groups,
    on_board: Arc<OnBoard>,
    costs: Costs,
    /// Documents that were read before.
    known: Known,
    /// Texts that are sent by their hashes.
    persisted: Persisted,
    sdl: String,
    busy: Busy,
    app: App,
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What the schema says of itself.
const DESCRIPTION: &str = "\
Care of plants whose owners are away: caretakers look after them, botanists advise, and everybody who takes part follows
live what happens. Every stream can be resumed with the last cursor that was seen.";

/// The schema's text: what `plant-care schema` prints.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .include_specified_by()
        .use_space_ident();
    let sdl = without_standard_directives(&builder().finish().sdl_with_options(options));
    // The library writes none for the schema itself.
    sdl.replacen(
        "\nschema {",
        &format!("\n\"\"\"\n{DESCRIPTION}\n\"\"\"\nschema {{"),
        1,
    )
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

fn builder() -> Builder {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .override_output_type_description::<Query>("What can be asked.")
}

impl Api {
    /// Builds the schema over a process.
    pub fn new(app: App) -> Result<Self, SchemaError> {
        Self::extended(app, |schema| schema)
    }

    /// Builds the schema over a process with somebody else's extensions, which every operation goes through: so that
    /// they can be compared with the program's own.
    pub fn extended(app: App, extend: impl Fn(Builder) -> Builder) -> Result<Self, SchemaError> {
        let sdl = sdl();
        let specification = Specification::of_sdl(&sdl, app.config.introspection)?;
        let calls = Arc::new(Calls::of_schema(specification.schema(), &app.telemetry.metrics));
        let watched = Watched(Resolvers {
            telemetry: Arc::clone(&app.telemetry),
            calls: Arc::clone(&calls),
            is_ours,
        });
        let on_board = Arc::<OnBoard>::default();
        // Documents have been validated when they come here.
        let builder = || {
            let builder = builder().data(app.clone()).data(Arc::clone(&on_board));
            extend(builder.validation_mode(ValidationMode::Fast))
        };
        Ok(Self(Arc::new(Parts {
            schema: builder().finish(),
            observed: builder().extension(watched).finish(),
            calls,
            groups: Groups::default(),
            on_board,
            costs: Costs::of_schema(specification.schema()),
            specification,
            known: Known::default(),
            persisted: Persisted::default(),
            sdl,
            busy: Busy::default(),
            app,
        })))
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
        self.caller_of(session, session.bearer(&self.app)).await
    }

    /// The same, of whom it was read before who she says she is.
    pub async fn caller_of(&self, session: &Session, bearer: Bearer) -> Result<Caller, ApiError> {
        let caller = session.caller(&self.app, bearer).await;
        self.busy.note_caller(&caller);
        caller
    }

    /// Runs a query or mutation.
    pub async fn run(&self, document: Document, caller: Caller) -> Response {
        let operation = self.begin(&document, &caller);
        let meter = self.meter();
        let running = Box::pin(self.run_as(&operation, document, caller, Arc::clone(&meter)));
        let running = with_batches(running, &meter.loaded);
        let response = operation.run.run(running).await;
        operation.end(outcome(&response));
        response
    }

    /// Begins an operation, for whoever observes.
    fn begin(&self, document: &Document, caller: &Caller) -> Operation {
        let kind = document
            .operation()
            .map_or(OperationType::Query, |operation| kind(operation.operation_type));
        let member = caller.viewer.member().map(|member| member.id);
        let telemetry = &self.app.telemetry;
        telemetry.operation(kind, document.operation_name(), member, document.parsed_in)
    }

    async fn run_as(
        &self,
        operation: &Operation,
        document: Document,
        caller: Caller,
        meter: Arc<Meter>,
    ) -> Response {
        if document.is_subscription() {
            let message = "A subscription has many answers: follow it over a websocket, or with Accept: \
                           text/event-stream.";
            return ApiError::BadRequest(message.to_owned()).into_response();
        }
        let _turn = match self.write_turn(&document, &caller).await {
            Ok(turn) => turn,
            Err(busy) => return busy.into_response(),
        };
        let written = self.kept_for_discretion(&document);
        let is_mutation = document.is_mutation();
        let admitted = match self.admit(document, caller, operation.run.notes(), &meter) {
            Ok(admitted) => admitted,
            Err(response) => return *response,
        };
        let Admitted {
            request,
            ready,
            price,
        } = admitted;
        let schema = if ready.cost >= WATCHED_FROM || operation.run.is_looked_at_closely() {
            &self.observed
        } else {
            &self.schema
        };
        let limits = &self.app.config.limits;
        let Ok(mut response) = tokio::time::timeout(limits.operation, schema.execute(request)).await else {
            return self.out_of_time(is_mutation);
        };
        self.calls.count(&ready.runnable.plan, &mut response);
        response.data = ready
            .runnable
            .with_introspected(response.data, ready.introspected);
        let metrics = &self.app.telemetry.metrics.graphql;
        self.calls
            .count_called(&operation.run.notes().take_called(), metrics);
        self.busy.note_response(&response);
        let response = meter.bounded(response, is_mutation);
        let response = with_codes(discreet(response, written.as_deref()));
        match price {
            Some(price) => response.extension("cost", price),
            None => response,
        }
    }

    /// Resolves one message of a subscription that was opened before; nothing if there is nothing to tell.
    async fn tell(&self, message: ToTell<'_>) -> Option<Response> {
        let ToTell {
            field,
            prepared,
            variables,
            caller,
            stage,
            cause,
            cost,
        } = message;
        let resolution = self.app.telemetry.resolution(field, cause);
        let request = prepared.request(variables);
        let meter = self.meter();
        let scope = self.scope(caller, resolution.notes(), &meter);
        let request = request.data(scope).data(stage);
        let schema = if cost >= WATCHED_FROM || resolution.is_looked_at_closely() {
            &self.observed
        } else {
            &self.schema
        };
        let mut answers = schema.execute_stream(request);
        let limit = self.app.config.limits.operation;
        let answer = Box::pin(tokio::time::timeout(limit, answers.next()));
        let answer = with_batches(answer, &meter.loaded);
        let answer = match resolution.run(answer).await {
            Ok(answer) => answer,
            Err(_) => Some(self.out_of_time(false)),
        };
        let answer = answer.map(|mut answer| {
            self.calls.count(prepared.plan(), &mut answer);
            self.busy.note_response(&answer);
            with_codes(meter.bounded(answer, false))
        });
        resolution.end(answer.as_ref().map_or(Outcome::Ok, outcome));
        answer
    }

    fn out_of_time(&self, is_mutation: bool) -> Response {
        let seconds = self.app.config.limits.operation_seconds();
        ApiError::TimedOut { is_mutation, seconds }.into_response()
    }

    /// Lets go of what subscriptions have shared long enough.
    pub fn forget_shared(&self) {
        self.groups.forget_old();
        self.on_board.forget_old();
    }

    /// What the resolvers of an operation, or of a message, may ask.
    fn scope(&self, caller: Caller, notes: &Arc<Notes>, meter: &Arc<Meter>) -> Scope {
        Scope::new(
            caller,
            self.app.database.clone(),
            Arc::clone(notes),
            Arc::clone(meter),
        )
    }

    /// What counts the bytes of an answer.
    fn meter(&self) -> Arc<Meter> {
        Arc::new(Meter::new(&self.app.config.limits))
    }

    /// Refuses what is not valid or exceeds a limit, and gives the operation its scope.
    fn admit(
        &self,
        mut document: Document,
        caller: Caller,
        notes: &Arc<Notes>,
        meter: &Arc<Meter>,
    ) -> Result<Admitted, Box<Response>> {
        let ready = self.ready(&mut document)?;
        let mut request = document.request;
        self.keep(&request, caller.address);
        let asked = request.extensions.get("cost") == Some(&ConstValue::Boolean(true));
        request.operation_name = None;
        request.set_parsed_query(ready.runnable.executable());
        // What the schema tells of itself is in the answer without it.
        request.introspection_mode = IntrospectionMode::Disabled;
        Ok(Admitted {
            request: request.data(self.scope(caller, notes, meter)),
            price: asked.then(|| ready.price(&self.app.config.limits)),
            ready,
        })
    }
}

/// An operation that may run.
struct Admitted {
    request: Request,
    ready: Ready,
    /// What is told of its cost, if that was asked for.
    price: Option<ConstValue>,
}
