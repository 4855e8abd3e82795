//! The process and its runtime, read when somebody asks.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// What the kernel counts processor time in, per second: on Linux the same on every machine.
const TICKS: f64 = 100.0;
/// The size of a page where the kernel does not say: that of x86-64 and of most others.
const PAGE: i64 = 4096;

pub(super) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(Process));
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        registry.register_collector(Box::new(Runtime(runtime)));
    }
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        // Elsewhere than on Linux there is nothing to read, and nothing is told.
        if let Some(stat) = Stat::read() {
            counter(
                &mut encoder,
                "process_cpu_seconds",
                "Processor time, user and system",
                stat.cpu_seconds,
            )?;
            gauge(&mut encoder, "process_threads", "Threads", stat.threads)?;
            gauge(
                &mut encoder,
                "process_resident_memory_bytes",
                "Resident memory",
                stat.resident_pages * PAGE,
            )?;
            if let Some(booted) = booted() {
                tell(
                    &mut encoder,
                    "process_start_time_seconds",
                    "When the process began, in seconds since 1970",
                    &ConstGauge::new(booted + stat.started_after_boot),
                )?;
            }
        }
        if let Some(open) = open_files() {
            gauge(&mut encoder, "process_open_fds", "Open files and sockets", open)?;
        }
        if let Some(most) = most_files() {
            gauge(
                &mut encoder,
                "process_max_fds",
                "Files and sockets that may be open",
                most,
            )?;
        }
        Ok(())
    }
}

struct Stat {
    cpu_seconds: f64,
    threads: i64,
    started_after_boot: f64,
    resident_pages: i64,
}

impl Stat {
    /// `/proc/self/stat`, by the numbers of its fields in proc(5).
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the name, in parentheses, and may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = |number| field(number)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS,
            threads: field(20)?.parse().ok()?,
            started_after_boot: ticks(22)? / TICKS,
            resident_pages: field(24)?.parse().ok()?,
        })
    }
}

fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

/// How many it has open.
pub(crate) fn open_files() -> Option<i64> {
    let open = fs::read_dir("/proc/self/fd").ok()?;
    Some(i64::try_from(open.count()).unwrap_or(i64::MAX))
}

/// How many files and sockets the process may have open.
pub(crate) fn most_files() -> Option<i64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[derive(Debug)]
struct Runtime(tokio::runtime::Handle);

impl Collector for Runtime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let metrics = self.0.metrics();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        gauge(
            &mut encoder,
            "tokio_runtime_workers",
            "Worker threads of the runtime",
            count(metrics.num_workers()),
        )?;
        gauge(
            &mut encoder,
            "tokio_runtime_alive_tasks",
            "Tasks that have not ended",
            count(metrics.num_alive_tasks()),
        )?;
        gauge(
            &mut encoder,
            "tokio_runtime_global_queue_depth",
            "Tasks that wait for any worker",
            count(metrics.global_queue_depth()),
        )?;
        let busy = (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker));
        counter(
            &mut encoder,
            "tokio_runtime_busy_seconds",
            "Time that workers were busy",
            busy.sum::<std::time::Duration>().as_secs_f64(),
        )
    }
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: f64,
) -> Result<(), fmt::Error> {
    tell(encoder, name, help, &ConstCounter::new(value))
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> Result<(), fmt::Error> {
    tell(encoder, name, help, &ConstGauge::new(value))
}

fn tell(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
