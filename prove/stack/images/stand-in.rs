//! Stands for Alloy, Loki, Tempo, Mimir and Grafana where their images are not at hand, as far as the proof of the stack
//! needs them, and no further: it starts only with the files, secrets and folders that the real program would need,
//! answers the health checks of compose.yaml, listens on the ports, and keeps in its data folder how often it was
//! started. As Alloy it also scrapes every replica of the API and reads the containers' logs through the socket proxy;
//! as Grafana it takes a test alert. Which of them it is, its own name says. Standard library only: `rustc` compiles it
//! within the image.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// What a program needs to start, and where it answers.
struct Role {
    name: &'static str,
    /// Files that it reads.
    files: &'static [&'static str],
    /// A folder that it writes to.
    data: &'static str,
    /// Where its health is asked.
    port: u16,
    ready: &'static str,
    /// Where it takes what others send; a connection is accepted, and what comes is dropped.
    sinks: &'static [u16],
}

const ROLES: [Role; 5] = [
    Role {
        name: "alloy",
        files: &["/etc/alloy/config.alloy", "/run/secrets/postgres_monitor_url"],
        data: "/var/lib/alloy/data",
        port: 12345,
        ready: "/-/ready",
        sinks: &[4317, 4318],
    },
    Role {
        name: "loki",
        files: &["/etc/loki/loki.yaml"],
        data: "/loki",
        port: 3100,
        ready: "/ready",
        sinks: &[],
    },
    Role {
        name: "tempo",
        files: &["/etc/tempo/tempo.yaml"],
        data: "/var/tempo",
        port: 3200,
        ready: "/ready",
        sinks: &[4317],
    },
    Role {
        name: "mimir",
        files: &["/etc/mimir/mimir.yaml"],
        data: "/data",
        port: 9009,
        ready: "/ready",
        sinks: &[],
    },
    Role {
        name: "grafana",
        files: &[
            "/etc/grafana/provisioning/datasources/datasources.yaml",
            "/run/secrets/grafana_password",
            "/run/secrets/grafana_secret_key",
            "/run/secrets/smtp_password",
        ],
        data: "/var/lib/grafana",
        port: 3000,
        ready: "/api/health",
        sinks: &[],
    },
];

/// What it tells of itself, by address: JSON.
type Pages = Arc<Mutex<BTreeMap<&'static str, String>>>;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let own = arguments.next().unwrap_or_default();
    let role = ROLES
        .iter()
        .find(|role| Path::new(&own).file_name().is_some_and(|name| name == role.name));
    let Some(role) = role else {
        eprintln!("{own} stands for none of alloy, loki, tempo, mimir and grafana");
        return ExitCode::from(2);
    };
    let done = if arguments.any(|argument| argument == "-health") {
        ask(role)
    } else {
        serve(role)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("level=error msg=\"{}: {error}\"", role.name);
            ExitCode::FAILURE
        }
    }
}

/// Loki and Tempo ask themselves.
fn ask(role: &Role) -> io::Result<()> {
    let (status, _) = get(SocketAddr::from(([127, 0, 0, 1], role.port)), role.ready)?;
    if status == 200 {
        Ok(())
    } else {
        Err(io::Error::other(format!("answered {status}")))
    }
}

fn serve(role: &'static Role) -> io::Result<()> {
    for file in role.files {
        fs::read(file).map_err(|error| io::Error::new(error.kind(), format!("{file}: {error}")))?;
    }
    let starts = count_start(role)?;
    let pages = Pages::default();
    tell(&pages, "/stand-in/starts", starts.to_string());
    for &port in role.sinks {
        let listener = TcpListener::bind(("0.0.0.0", port))?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || io::copy(&mut &stream, &mut io::sink()));
            }
        });
    }
    if role.name == "alloy" {
        let pages = Arc::clone(&pages);
        thread::spawn(move || {
            loop {
                tell(&pages, "/stand-in/scraped", scrape());
                tell(&pages, "/stand-in/logs", read_logs());
                thread::sleep(Duration::from_secs(1));
            }
        });
    }
    let listener = TcpListener::bind(("0.0.0.0", role.port))?;
    println!(
        "level=info msg=\"a stand-in for {}, which is not at hand here, listens\" starts={starts}",
        role.name
    );
    for stream in listener.incoming().flatten() {
        let pages = Arc::clone(&pages);
        thread::spawn(move || answer(role, &pages, stream));
    }
    Ok(())
}

fn tell(pages: &Pages, address: &'static str, page: String) {
    if let Ok(mut pages) = pages.lock() {
        pages.insert(address, page);
    }
}

/// How often it was started on this data, this time included: what a backup must bring back.
fn count_start(role: &Role) -> io::Result<u64> {
    let path = format!("{}/starts", role.data);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
    let before = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(io::Error::other)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(named(error)),
    };
    fs::write(&path, format!("{}\n", before + 1)).map_err(named)?;
    Ok(before + 1)
}

fn answer(role: &Role, pages: &Pages, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    let mut is_signed = false;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        is_signed |=
            role.name == "grafana" && header.trim() == format!("Authorization: Basic {}", credentials()?);
        let header = header.to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = String::new();
    reader.by_ref().take(length).read_to_string(&mut body)?;
    let page = pages.lock().ok().and_then(|pages| pages.get(address).cloned());
    let (status, page) = match (method, page) {
        ("GET", _) if address == role.ready => (200, "{}".to_owned()),
        ("GET", Some(page)) => (200, page),
        // Grafana 13's way to try a contact point.
        (_, _) if role.name == "grafana" && address.starts_with(RECEIVER) => {
            match (is_signed, method, &address[RECEIVER.len()..]) {
                (false, _, _) => (401, "{}".to_owned()),
                (_, "GET", "") => receiver().map_or((404, "{}".to_owned()), |receiver| (200, receiver)),
                (_, "POST", "/test") if body.contains("\"integration\":{\"uid\":") => {
                    tell(pages, "/stand-in/alerts", body);
                    (200, "{\"status\":\"success\",\"duration\":\"1ms\"}".to_owned())
                }
                _ => (400, "{}".to_owned()),
            }
        }
        _ => (404, "{}".to_owned()),
    };
    write!(
        &mut &stream,
        "HTTP/1.1 {status} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        // Alloy's health check looks for it.
        if status == 200 { "OK" } else { "-" },
        page.len()
    )
}

/// The contact point "Plant Care", whose id is its name in base64.
const RECEIVER: &str =
    "/apis/notifications.alerting.grafana.app/v1beta1/namespaces/default/receivers/UGxhbnQgQ2FyZQ";

/// What the provisioned file has of it; secrets are told by their names alone.
fn receiver() -> Option<String> {
    let text = fs::read_to_string("/etc/grafana/provisioning/alerting/notifications.yml").ok()?;
    let (_, points) = text.split_once("contactPoints:")?;
    let value = |line: &str, name: &str| {
        line.trim()
            .strip_prefix(name)
            .map(|value| value.trim().to_owned())
    };
    let mut integrations = Vec::new();
    let mut uid = String::new();
    for line in points.lines().take_while(|line| !line.starts_with("policies:")) {
        if let Some(found) = value(line, "- uid:") {
            uid = found;
        } else if let Some(kind) = value(line, "type:") {
            integrations.push(format!(
                "{{\"uid\":\"{uid}\",\"type\":\"{kind}\",\"version\":\"v1\",\"settings\":{{}},\"secureFields\":{{}}}}"
            ));
        }
    }
    Some(format!(
        "{{\"spec\":{{\"title\":\"Plant Care\",\"integrations\":[{}]}}}}",
        integrations.join(",")
    ))
}

/// `admin` and the password, as a browser would send them.
fn credentials() -> io::Result<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("admin:{}", fs::read_to_string("/run/secrets/grafana_password")?);
    let mut coded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            coded.push(if digit <= chunk.len() {
                char::from(DIGITS[bits >> (18 - 6 * digit) & 63])
            } else {
                '='
            });
        }
    }
    Ok(coded)
}

/// How many samples each replica of the API gave.
fn scrape() -> String {
    let mut told = Vec::new();
    if let Ok(addresses) = ("api", 8001).to_socket_addrs() {
        for address in addresses.collect::<std::collections::BTreeSet<_>>() {
            if let Ok((200, text)) = get(address, "/metrics") {
                let samples = text.lines().filter(|line| !line.starts_with('#')).count();
                told.push(format!("\"{}\":{samples}", address.ip()));
            }
        }
    }
    format!("{{{}}}", told.join(","))
}

/// How many bytes of log each running container has, read as Alloy does: list, inspect, logs.
fn read_logs() -> String {
    let proxy = ("socket-proxy", 2375)
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next());
    let Some(proxy) = proxy else {
        return "{}".to_owned();
    };
    let mut told = Vec::new();
    if let Ok((200, list)) = get(proxy, "/v1.41/containers/json") {
        for id in list.split("\"Id\":\"").skip(1).filter_map(|rest| rest.get(..64)) {
            let inspected = get(proxy, &format!("/v1.41/containers/{id}/json"));
            let log = get(
                proxy,
                &format!("/v1.41/containers/{id}/logs?stdout=1&stderr=1&tail=5"),
            );
            if let (Ok((200, _)), Ok((200, log))) = (inspected, log) {
                told.push(format!("\"{id}\":{}", log.len()));
            }
        }
    }
    format!("{{{}}}", told.join(","))
}

/// The status and the body of what an address answers.
fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let host = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Of version 1.0, so that the end of the connection is the end of the body.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok((status.unwrap_or(0), body.to_owned()))
}
