//! Telemetry: what it adds to an operation that asks no database.
//!
//! `operation` is the server's own schema, from the text of a query to its answer; `fields` is the extension that looks
//! at each resolver, over a schema of which nothing but fields is to be seen. Nobody listens where spans go: what is
//! measured is to record them, not to send them.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Response, Schema};
use criterion::Criterion;
use plant_care::graphql::Api;
use plant_care::graphql::scope::Caller;
use plant_care::telemetry::Telemetry;
use plant_care::telemetry::calls::Calls;
use plant_care::telemetry::operation::Outcome as How;
use plant_care::telemetry::resolvers::Resolvers;
use tokio::runtime::Runtime;

use crate::support::{Ground, Outcome, runtime};

const QUERY: &str = "query Limits { serviceLimits { bodyBytes documentBytes tokens nesting depth nodes aliases \
                     directives rootFields cost pageSize operationSeconds } }";
/// Pots on the shelf.
const POTS: usize = 50;

const OFF: (&str, &str) = ("ENABLE_OBSERVABILITY", "false");
const COLLECTOR: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
const NO_FIELDS: (&str, &str) = ("RESOLVER_SPANS_RATIO", "0");
const EACH_FIELD: (&str, &str) = ("RESOLVER_SPANS_RATIO", "1");

pub(crate) fn bench(criterion: &mut Criterion, ground: &Ground) -> Outcome {
    let runtime = runtime()?;
    operation(criterion, ground, &runtime)?;
    fields(criterion, ground, &runtime)
}

fn operation(criterion: &mut Criterion, ground: &Ground, runtime: &Runtime) -> Outcome {
    let mut group = criterion.benchmark_group("operation");
    for (name, settings) in [
        ("without telemetry", &[OFF, NO_FIELDS][..]),
        ("metrics", &[NO_FIELDS]),
        ("metrics, each field", &[EACH_FIELD]),
        ("metrics and spans", &[COLLECTOR, NO_FIELDS]),
        ("metrics and spans, each field", &[COLLECTOR, EACH_FIELD]),
    ] {
        let api = Api::new(runtime.block_on(ground.app(settings))?)?;
        check(&runtime.block_on(ask(&api)))?;
        group.bench_function(name, |bencher| {
            bencher.to_async(runtime).iter(|| ask(&api));
        });
    }
    group.finish();
    Ok(())
}

async fn ask(api: &Api) -> Response {
    match api.document(Request::new(QUERY)) {
        Ok(document) => api.run(document, Caller::nobody()).await,
        Err(refusal) => *refusal,
    }
}

fn check(answer: &Response) -> Outcome {
    match answer.errors.first() {
        None => Ok(()),
        Some(error) => Err(error.message.clone().into()),
    }
}

fn fields(criterion: &mut Criterion, ground: &Ground, runtime: &Runtime) -> Outcome {
    for (which, query) in [
        ("at hand", "{ shelf { plant { name } } }"),
        ("that wait", "{ shelf { plantLater { name } } }"),
    ] {
        let mut group = criterion.benchmark_group(format!("{POTS} fields {which}"));
        for (name, extended, settings) in [
            ("without the extension", false, &[EACH_FIELD][..]),
            ("with it", true, &[EACH_FIELD]),
            ("with it and spans", true, &[COLLECTOR, EACH_FIELD]),
        ] {
            let shelf = runtime.block_on(async { Fields::new(ground, extended, settings) })?;
            check(&runtime.block_on(shelf.ask(query)))?;
            group.bench_function(name, |bencher| {
                bencher.to_async(runtime).iter(|| shelf.ask(query));
            });
        }
        group.finish();
    }
    Ok(())
}

/// A schema with the extension or without.
struct Fields {
    schema: Schema<Query, EmptyMutation, EmptySubscription>,
    telemetry: Arc<Telemetry>,
}

impl Fields {
    fn new(ground: &Ground, extended: bool, settings: &[(&str, &str)]) -> Outcome<Self> {
        let telemetry = Telemetry::start(&ground.config(settings)?)?;
        let mut schema = Schema::build(Query, EmptyMutation, EmptySubscription);
        if extended {
            let sdl = Schema::new(Query, EmptyMutation, EmptySubscription).sdl();
            let types = apollo_compiler::Schema::parse(sdl, "schema.graphql")
                .map_err(|failed| failed.errors.to_string())?;
            schema = schema.extension(Resolvers {
                calls: Arc::new(Calls::of_schema(&types, &telemetry.metrics)),
                telemetry: Arc::clone(&telemetry),
                is_ours: |_| true,
            });
        }
        Ok(Self {
            schema: schema.finish(),
            telemetry,
        })
    }

    async fn ask(&self, query: &str) -> Response {
        let operation = self
            .telemetry
            .operation(OperationType::Query, None, None, Duration::ZERO);
        let answer = operation.run.run(self.schema.execute(query)).await;
        operation.end(How::Ok);
        answer
    }
}

struct Query;

#[Object]
impl Query {
    async fn shelf(&self) -> [Pot; POTS] {
        [const { Pot }; POTS]
    }
}

struct Pot;

#[Object]
impl Pot {
    async fn plant(&self) -> Plant {
        Plant
    }

    /// Which somebody else has to find first.
    async fn plant_later(&self) -> Plant {
        tokio::task::yield_now().await;
        Plant
    }
}

struct Plant;

#[Object]
impl Plant {
    async fn name(&self) -> &'static str {
        "monstera"
    }
}
