//! Starting and stopping.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use headwater_collector::{Collector, Config, Error, Store};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::runtime::Runtime;

use crate::harness::{Running, SPAN, TestSpan, agent, request, trace_id};

#[test]
fn a_file_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/deep/traces.db");
    let config = Config { store: Store::File(path.clone()), ..Config::default() };
    let sent = request("shop", [SPAN, TestSpan { id: 2, parent: 1, ..SPAN }]);
    let mut collector = Running::with(config.clone());
    collector.post_spans(&sent);
    collector.stop();
    assert!(path.exists());

    let collector = Running::with(config);
    let answer = collector.get(&format!("/api/traces/{}", trace_id(1)));
    let read = serde_json::from_slice::<ExportTraceServiceRequest>(&answer.body).unwrap();
    assert_eq!(read, sent);
    // Still the same spans: a retry across the restart adds none.
    collector.post_spans(&sent);
    assert_eq!(collector.get("/api/traces").json()["traces"][0]["spanCount"], 2);
}

#[test]
fn memory_forgets_with_its_collector() {
    let mut first = Running::start();
    first.post_spans(&request("shop", [SPAN]));
    first.stop();
    let second = Running::start();
    let list = second.get("/api/traces").json();
    assert_eq!(list["traces"].as_array().unwrap().len(), 0);
}

#[test]
fn a_taken_port_says_what_to_do() {
    let first = Running::start();
    let config = Config { listen: first.address, ..Config::default() };
    let error = bind_error(config);
    assert!(matches!(error, Error::PortTaken(address) if address == first.address));
    assert_eq!(
        error.to_string(),
        format!(
            "port {} on 127.0.0.1 is already in use: stop what listens there or choose another \
            with --collector-port",
            first.address.port()
        )
    );
}

#[test]
fn an_impossible_store_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        store: Store::File(folder.path().into()),
        ..Config::default()
    };
    let text = bind_error(config).to_string();
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
}

#[test]
fn an_open_stream_ends_properly_when_the_collector_stops() {
    let mut collector = Running::start();
    let response = agent().get(collector.url("/api/stream")).call().unwrap();
    let ended = thread::spawn(move || {
        let mut rest = Vec::new();
        response.into_body().into_reader().read_to_end(&mut rest)
    });
    thread::sleep(Duration::from_millis(200));
    let stopping = collector.stop();
    assert!(stopping < Duration::from_secs(3), "{stopping:?}");
    // An aborted connection would be an error here.
    ended.join().unwrap().unwrap();
}

#[test]
fn neither_a_silent_connection_nor_a_half_sent_request_holds_up_the_stop() {
    let mut collector = Running::start();
    let _silent = TcpStream::connect(collector.address).unwrap();
    let mut half = TcpStream::connect(collector.address).unwrap();
    half.write_all(
        b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 100\r\n\r\n{",
    )
    .unwrap();
    thread::sleep(Duration::from_millis(200));
    let stopping = collector.stop();
    assert!(stopping < Duration::from_secs(3), "{stopping:?}");
}

#[test]
fn everything_acknowledged_is_in_the_file_after_a_stop_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { store: Store::File(folder.path().join("traces.db")), ..Config::default() };
    let mut collector = Running::with(config.clone());
    let url = collector.url("/v1/traces");
    let client = thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for trace in 1..=255u8 {
            let body = request("s", [TestSpan { trace, ..SPAN }]).encode_to_vec();
            let sent = agent().post(&url).header("content-type", "application/x-protobuf").send(&body);
            match sent {
                Ok(response) if response.status() == 200 => acknowledged.push(trace),
                _ => break,
            }
        }
        acknowledged
    });
    thread::sleep(Duration::from_millis(100));
    collector.stop();
    let acknowledged = client.join().unwrap();
    assert!(!acknowledged.is_empty());

    let collector = Running::with(config);
    for trace in acknowledged {
        let answer = collector.get(&format!("/api/traces/{}", trace_id(trace)));
        assert_eq!(answer.status, 200, "trace {trace}");
    }
}

fn bind_error(config: Config) -> Error {
    let bound = Runtime::new().unwrap().block_on(Collector::bind(config));
    bound.err().expect("it cannot start")
}
