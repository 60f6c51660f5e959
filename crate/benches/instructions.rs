//! Instructions and allocations of the agent's own work: `cargo bench -p headwater --bench instructions`.
//!
//! By valgrind's callgrind, which counts the same in each run, whatever else the machine does; those of this machine's native
//! code. Without valgrind there are allocations only.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater::context::{IdGenerator, TraceParent};
use headwater::encode::Protocol;
use headwater::trace::redact_url;
use headwater::wire::gzip;
use support::{TRACEPARENT, URL, Visit, batch, body_of, fill, write_one};

/// What is counted: a name, and what makes one that can be done often.
type Work = (&'static str, fn() -> Box<dyn FnMut()>);

const WORKS: [Work; 9] = [
    ("a request, 0 others in flight", || request(0)),
    ("a request, 100 others in flight", || request(100)),
    ("a request, 900 others in flight", || request(900)),
    ("a trace id and a span id", || {
        let mut ids = IdGenerator::new(fill);
        Box::new(move || {
            black_box((ids.trace_id(), ids.span_id()));
        })
    }),
    ("parsing a traceparent", || {
        Box::new(|| {
            let _ = black_box(TraceParent::parse(black_box(TRACEPARENT)));
        })
    }),
    ("redacting a URL with a secret", || Box::new(|| drop(black_box(redact_url(black_box(URL)))))),
    ("encoding a span of seven attributes", || {
        let (mut ids, mut out) = (IdGenerator::new(fill), Vec::with_capacity(1_024));
        Box::new(move || {
            out.clear();
            write_one(&mut ids, &mut out);
        })
    }),
    ("Elastic's body of 100 spans", || {
        let (resource, spans) = batch();
        Box::new(move || drop(black_box(body_of(Protocol::Elastic, &resource, &spans))))
    }),
    ("gzip of it", || {
        let (resource, spans) = batch();
        let body = body_of(Protocol::Elastic, &resource, &spans);
        Box::new(move || drop(black_box(gzip::compress(black_box(&body)))))
    }),
];

fn request(open: u32) -> Box<dyn FnMut()> {
    let mut visit = Visit::new(open);
    Box::new(move || visit.request())
}

/// The system's, counted.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(address, layout) }
    }
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(address, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Times each is done before it is counted, and then: a multiple of the requests that are sent together.
const WARM_UP: usize = 300;
const TIMES: usize = 1_000;

fn main() {
    let given: Vec<String> = std::env::args().collect();
    if let [_, flag, index, times] = &given[..]
        && flag == "--run"
    {
        run(index.parse().unwrap_or_default(), times.parse().unwrap_or_default());
        return;
    }
    println!("{:<40}{:>14}{:>14}", "each", "instructions", "allocations");
    for (index, (name, _)) in WORKS.iter().enumerate() {
        let instructions = match (counted(index, WARM_UP), counted(index, WARM_UP + TIMES)) {
            (Some(before), Some(all)) => ((all - before) / TIMES).to_string(),
            _ => "no valgrind".to_owned(),
        };
        println!("{name:<40}{instructions:>14}{:>14.2}", allocations(index));
    }
}

fn run(index: usize, times: usize) {
    let mut work = WORKS[index].1();
    for _ in 0..times {
        work();
    }
}

fn allocations(index: usize) -> f64 {
    let mut work = WORKS[index].1();
    let mut often = |times| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..times {
            work();
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    often(WARM_UP);
    often(TIMES) as f64 / TIMES as f64
}

/// Instructions of a process that does it so often.
fn counted(index: usize, times: usize) -> Option<usize> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().ok()?)
        .args(["--run", &index.to_string(), &times.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    text.split("Collected : ").nth(1)?.split_whitespace().next()?.parse().ok()
}
