//! Where do log lines go? To standard output, one JSON object or one line of text each, without ever making a request wait.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use prometheus_client::metrics::counter::Counter;
use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for whoever reads our output; further ones are dropped and counted (F-S09).
const WAITING: usize = 4096;

/// What a log line looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// An object a line: for machines.
    Json,
    /// For people.
    Text,
}

/// The log of this process. Dropping it writes what is still waiting.
#[derive(Debug)]
pub struct Log {
    sender: SyncSender<Option<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    dropped: Counter,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum NoLog {
    /// Somebody in this process has one already.
    #[error("this process has a log already")]
    Already,
    /// The level is none.
    #[error("--log-level: write error, warn, info, debug or trace, or a list such as info,fapi_server=debug")]
    Level,
    /// No thread to write it.
    #[error("the log cannot be written: {0}")]
    Thread(#[from] io::Error),
}

impl Log {
    /// Begins the log of this process; panics are in it too.
    pub fn begin(format: Format, level: &str) -> Result<Self, NoLog> {
        let filter = EnvFilter::try_new(level).map_err(|_| NoLog::Level)?;
        let log = Self::to(io::stdout())?;
        let lines = Lines { sender: log.sender.clone(), dropped: log.dropped.clone() };
        let begun = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
        let begun = match format {
            // The request's name stands beside the fields of each event that happens in it.
            Format::Json => {
                let json = begun.json().flatten_event(true).with_current_span(true).with_span_list(false);
                tracing::subscriber::set_global_default(json.finish())
            }
            Format::Text => tracing::subscriber::set_global_default(begun.finish()),
        };
        begun.map_err(|_| NoLog::Already)?;
        std::panic::set_hook(Box::new(note_panic));
        Ok(log)
    }

    /// Lines that were dropped because nobody read them.
    pub fn dropped(&self) -> Counter {
        self.dropped.clone()
    }

    fn to(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let writer =
            std::thread::Builder::new().name("log".into()).spawn(move || write(output, &receiver))?;
        Ok(Self { sender, writer: Some(writer), dropped: Counter::default() })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The end stands behind what is still waiting.
        let _ = self.sender.send(None);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(mut output: impl Write, lines: &Receiver<Option<Vec<u8>>>) {
    while let Ok(Some(line)) = lines.recv() {
        // If nobody reads them, there is nobody to tell.
        let _ = output.write_all(&line).and_then(|()| output.flush());
    }
}

/// Where a panic happened. What it says is left out unless it is a literal: it may quote what somebody sent.
fn note_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("…");
    error!(place, "A defect of this program: panicked at {place}: {message}");
}

/// Gives each event a buffer of its own.
#[derive(Clone, Debug)]
struct Lines {
    sender: SyncSender<Option<Vec<u8>>>,
    dropped: Counter,
}

/// One line, handed on as a whole when it is finished.
#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    lines: Lines,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { bytes: Vec::with_capacity(256), lines: self.clone() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if !line.is_empty() && self.lines.sender.try_send(Some(line)).is_err() {
            self.lines.dropped.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// An output that says when it is written to, and waits to be allowed to go on.
    struct Stuck {
        begun: Sender<Vec<u8>>,
        go_on: Receiver<()>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.begun.send(bytes.to_vec()).unwrap();
            // An error means that the test is over with it.
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn say(lines: &Lines, text: &str) {
        lines.make_writer().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn an_output_that_nobody_reads_drops_lines_and_stops_nobody() {
        let ((begun, written), (go_on, waits)) = (channel(), channel());
        let log = Log::to(Stuck { begun, go_on: waits }).unwrap();
        let lines = Lines { sender: log.sender.clone(), dropped: log.dropped() };
        say(&lines, "first");
        assert_eq!(written.recv().unwrap(), b"first");
        for _ in 0..WAITING + 3 {
            say(&lines, "more");
        }
        assert_eq!(log.dropped().get(), 3, "F-S09");

        drop(go_on);
        drop(log);
        assert_eq!(written.iter().count(), WAITING, "what was waiting is written before the end");
    }

    #[test]
    fn an_event_is_one_json_object_and_holds_no_control_characters() {
        let (begun, written) = channel();
        let (go_on, waits) = channel();
        drop(go_on);
        let log = Log::to(Stuck { begun, go_on: waits }).unwrap();
        let lines = Lines { sender: log.sender.clone(), dropped: log.dropped() };
        let json = tracing_subscriber::fmt().with_writer(lines).json().flatten_event(true);
        tracing::subscriber::with_default(
            json.with_current_span(true).with_span_list(false).finish(),
            || {
                let _request = tracing::info_span!("request", request_id = "r1").entered();
                tracing::info!(path = "\u{1b}[31m\n{\"", "Refused \r\n a request");
            },
        );
        drop(log);
        let line = written.recv().unwrap();
        let (end, line) = line.split_last().unwrap();
        assert_eq!(*end, b'\n');
        assert!(line.iter().all(|byte| *byte >= 0x20), "H-09");
        let event: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!(event["span"]["request_id"], "r1");
        assert_eq!(event["path"], "\u{1b}[31m\n{\"", "H-09: escaped, not lost");
    }
}
