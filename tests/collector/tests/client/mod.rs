//! A client that sees what happens to its connection, and bodies to send.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::Value;

/// The program, which ends with the test.
pub struct Collector {
    pub process: Child,
    port: u16,
}

impl Collector {
    pub fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fault-collector"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
        Self { process, port: port.try_into().unwrap() }
    }

    /// One that fails in this way; the text is a step's JSON without the braces.
    pub fn with(step: &str) -> Self {
        let collector = Self::start();
        let plan = format!("{{\"steps\":[{{{step}}}]}}");
        assert_eq!(collector.plan(&plan).status, 204);
        collector
    }

    pub fn plan(&self, plan: &str) -> Response {
        self.connect().ask("PUT", "/control/plan", &[], plan.as_bytes()).unwrap()
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    /// `GET /control/received` for a run.
    pub fn received(&self, run: &str) -> Value {
        let path = format!("/control/received?r={run}");
        let response = self.connect().ask("GET", &path, &[], b"").unwrap();
        serde_json::from_slice(&response.body).unwrap()
    }

    /// How often the numbers of run `r` were accepted, were ambiguous, and were seen.
    pub fn numbers(&self) -> [Value; 3] {
        let numbers = &self.received("r")["numbers"];
        ["accepted", "ambiguous", "seen"].map(|name| numbers[name].clone())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Names and values.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// A connection.
pub struct Client(pub BufReader<TcpStream>);

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub fn send(&mut self, method: &str, path: &str, headers: Headers, body: &[u8]) -> io::Result<()> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nOrigin: http://shop.example\r\n");
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        self.0.get_mut().write_all(&[bytes.as_bytes(), body].concat())
    }

    pub fn ask(&mut self, method: &str, path: &str, headers: Headers, body: &[u8]) -> io::Result<Response> {
        self.send(method, path, headers, body)?;
        self.response()
    }

    /// Sends spans of run `r` with these numbers, as OTLP.
    pub fn export(&mut self, numbers: &[u64]) -> io::Result<Response> {
        self.ask("POST", "/v1/traces", &[PROTOBUF], &traces("r", numbers))
    }

    pub fn response(&mut self) -> io::Result<Response> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        let length = response.header("content-length").unwrap().parse().unwrap();
        response.body.resize(length, 0);
        self.0.read_exact(&mut response.body)?;
        Ok(response)
    }

    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// An OTLP request with a span for each number.
pub fn traces(run: &str, numbers: &[u64]) -> Vec<u8> {
    let span = |number: &u64| {
        let url = any_value::Value::StringValue(format!("http://shop.example/ok?r={run}&n={number}"));
        let value = Some(AnyValue { value: Some(url) });
        // Both generations of the name: one span all the same.
        let attributes = ["url.full", "http.url"].map(|key| KeyValue {
            key: key.to_owned(),
            value: value.clone(),
            ..KeyValue::default()
        });
        Span { name: "GET".to_owned(), attributes: attributes.into(), ..Span::default() }
    };
    let spans = numbers.iter().map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

pub const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

/// An answer that takes longer does not come.
pub const PATIENCE: Duration = Duration::from_millis(700);
