//! The command itself: what it prints, and how it starts and stops.

#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use support::{Span, send};

#[tokio::test]
async fn it_says_where_everything_is_and_when_it_is_ready() {
    let mut command = Started::new(&["--memory"]);
    for name in ["shop", "api", "other", "collector"] {
        let origin = command.origin(name);
        let answer = send(Method::GET, &format!("{origin}/"), &[], "").await;
        assert!(answer.status.is_success(), "{name}");
    }
    let ready = format!("Headwater demo is ready: open {}/", command.origin("shop"));
    assert_eq!(command.lines.last(), Some(&ready));
    command.stop("-INT");
}

#[test]
fn a_taken_port_gets_one_clear_sentence() {
    for (flag, variable) in [
        ("--port", "HEADWATER_PORT"),
        ("--api-port", "HEADWATER_API_PORT"),
        ("--other-port", "HEADWATER_OTHER_PORT"),
        ("--collector-port", "HEADWATER_COLLECTOR_PORT"),
    ] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let output = free_ports().arg("--memory").env(variable, port.to_string()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        assert_eq!(message.lines().count(), 1, "{message}");
        for part in [&format!("Port {port} "), "already in use", &format!("{flag} "), variable] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn a_stop_is_quick_even_while_a_page_is_slow() {
    let mut command = Started::new(&["--memory"]);
    let shop = command.origin("shop");
    // A connection that asks for three seconds of patience, and one that asks for nothing.
    let address = shop.strip_prefix("http://").unwrap();
    let mut slow = std::net::TcpStream::connect(address).unwrap();
    let idle = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut slow, b"GET /api/trouble/slow HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    command.stop("-TERM");
    drop(idle);
}

#[tokio::test]
async fn the_last_spans_are_kept() {
    let data = std::env::temp_dir().join(format!("headwater-demo-{}", std::process::id()));
    let data_flag = data.to_str().unwrap();
    let mut command = Started::new(&["--data", data_flag]);
    let page = send(Method::GET, &format!("{}/product/1", command.origin("shop")), &[], "").await;
    // At once, long before the next batch is due.
    command.stop("-TERM");

    let mut command = Started::new(&["--data", data_flag]);
    let (trace_id, span_id) = page.server_span();
    let url = format!("{}/api/traces/{trace_id}", command.origin("collector"));
    let trace = send(Method::GET, &url, &[], "").await.json();
    let spans = Span::all(&trace);
    assert_eq!(Span::named(&spans, "shop-server", "GET /product/{id}").id(), span_id);
    command.stop("-TERM");
    assert!(Path::new(&data).join("shop.sqlite").exists());
    std::fs::remove_dir_all(data).unwrap();
}

struct Started {
    child: Child,
    lines: Vec<String>,
}

impl Started {
    fn new(arguments: &[&str]) -> Self {
        let mut child = free_ports().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        for line in stdout.lines() {
            lines.push(line.unwrap());
            if lines.last().unwrap().starts_with("Headwater demo is ready") {
                break;
            }
        }
        Self { child, lines }
    }

    fn origin(&self, name: &str) -> String {
        let prefix = format!("{name} http://");
        let line = self.lines.iter().find(|line| line.starts_with(&prefix));
        line.unwrap()[name.len() + 1..].to_owned()
    }

    fn stop(&mut self, signal: &str) {
        let asked = Instant::now();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // A failed test leaves no server behind; one that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater-demo"));
    command.env("HEADWATER_PORT", "0");
    command.env("HEADWATER_API_PORT", "0");
    command.env("HEADWATER_OTHER_PORT", "0");
    command.env("HEADWATER_COLLECTOR_PORT", "0");
    command
}
