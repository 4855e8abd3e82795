//! A collector of spans that accepts all and keeps none.

use std::net::SocketAddr;

use clap::Args;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use plant_care_prove::failure::Result;
use tonic::{Request, Response, Status};

/// Where it stands.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The port of 127.0.0.1 to listen on.
    #[arg(long)]
    port: u16,
}

/// Accepts until the process ends.
pub async fn serve(options: Options) -> Result<()> {
    tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Sink))
        .serve(SocketAddr::from(([127, 0, 0, 1], options.port)))
        .await?;
    Ok(())
}

struct Sink;

#[tonic::async_trait]
impl TraceService for Sink {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> std::result::Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
