//! Plant Care with async-graphql's own `Tracing` extension in place of its telemetry, as many servers have it: each operation
//! and each field that is no scalar is a span of `tracing`, which tracing-opentelemetry sends to a collector.
//!
//! Only `serve` is another; all other commands are the program's.

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use async_graphql::extensions::Tracing;
use clap::Parser as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use plant_care::app::App;
use plant_care::cli::Cli;
use plant_care::clock::Clock;
use plant_care::config::Config;
use plant_care::graphql::Api;
use plant_care::transport::server;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What becomes spans.
const SPANS: &str = "warn,async_graphql=info";

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let serves = std::env::args().nth(1).is_some_and(|command| command == "serve");
    let run = async {
        if serves {
            serve().await
        } else {
            Ok(Cli::parse().run().await?)
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even standard error is closed there is nobody to tell.
            drop(std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("stock-tracing: {error}\n"),
            ));
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Outcome {
    let config = Config::from_environment()?;
    let endpoint = config.observability.otlp_endpoint.as_ref();
    let endpoint = endpoint.ok_or("OTEL_EXPORTER_OTLP_ENDPOINT must name a collector")?;
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.0.as_str())
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("stock-tracing").build())
        .build();
    tracing_subscriber::registry()
        .with(EnvFilter::new(SPANS))
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("stock-tracing")))
        .try_init()?;
    let listener = server::listen(&config).await?;
    let app = App::build(config, Clock::system(), false).await?;
    let api = Api::extended(app, |schema| schema.extension(Tracing))?;
    let router = server::router(api).into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, router).await?)
}
