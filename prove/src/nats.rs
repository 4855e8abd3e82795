//! A NATS server that comes and goes.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::failure::{Failure, Result, fail};
use crate::processes::free_address;

/// A `nats-server` of one's own.
#[derive(Debug)]
pub struct Nats {
    address: SocketAddr,
    child: Option<Child>,
}

impl Nats {
    /// Starts it.
    pub async fn start() -> Result<Self> {
        let mut nats = Self {
            address: free_address().await?,
            child: None,
        };
        nats.restart().await?;
        Ok(nats)
    }

    /// Starts it again, at the same address.
    pub async fn restart(&mut self) -> Result<()> {
        let port = self.address.port().to_string();
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::new(format!("nats-server: {error}")))?;
        self.child = Some(child);
        for _ in 0..500 {
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        fail("nats-server did not start")
    }

    /// Stops it at once.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Its host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
