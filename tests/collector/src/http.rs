//! As much of HTTP/1.1 as browsers speak to a collector, with the connection itself in hand: a fault may cut
//! it at any byte.

use std::io;
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A client's connection, and what was read of it ahead.
pub struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
}

/// A request up to its body.
pub struct Head {
    /// In upper case, as it came.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What follows the `?`, or nothing.
    pub query: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// A header's value, or the empty text.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// How long the body is on the wire; `None` where only its end would tell.
    pub fn length(&self) -> Option<usize> {
        if !self.header("transfer-encoding").is_empty() {
            return None;
        }
        match self.header("content-length") {
            "" => Some(0),
            length => length.parse().ok(),
        }
    }
}

/// A response, but for the headers that all have.
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// One without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a body of this type.
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.header("Content-Type", content_type) }
    }
}

impl Connection {
    /// Takes over a connection.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    /// Reads the next request's head; `None` if the client sends no more.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some((head, length)) = parse(&self.ahead)? {
                self.ahead.drain(..length);
                return Ok(Some(head));
            }
            if self.ahead.len() > HEAD_LIMIT || !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Reads a body of this length.
    pub async fn body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.ahead.len() < length {
            if !self.read().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.ahead.drain(..length).collect())
    }

    /// Answers, and leaves the connection open for the next request.
    pub async fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let mut bytes = status_line(answer.status).into_bytes();
        let now = httpdate::fmt_http_date(SystemTime::now());
        let own = [("Date", now), ("Content-Length", answer.body.len().to_string())];
        for (name, value) in own.iter().chain(&answer.headers) {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&answer.body);
        self.stream.write_all(&bytes).await
    }

    /// Begins an answer that never ends.
    pub async fn begin(&mut self, status: u16) -> io::Result<()> {
        self.stream.write_all(status_line(status).as_bytes()).await
    }

    /// Reads on, to nowhere, until the client gives up.
    pub async fn given_up(&mut self) {
        while matches!(self.read().await, Ok(true)) {
            self.ahead.clear();
        }
    }

    /// Ends the connection with RST: what has not arrived is lost.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    async fn read(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.ahead).await? > 0)
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let (path, query) = {
        let target = request.path.unwrap_or_default();
        target.split_once('?').unwrap_or((target, ""))
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: request.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect(),
    };
    Ok(Some((head, length)))
}

fn status_line(status: u16) -> String {
    format!("HTTP/1.1 {status} Status\r\n")
}

/// No client under test sends more; a broken one must not fill the memory.
const HEAD_LIMIT: usize = 64 << 10;
