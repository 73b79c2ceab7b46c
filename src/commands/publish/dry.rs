//! `--dry-run`: every envelope is checked by the code of the server, and nothing is sent.

use std::io::Read;
use std::process::ExitCode;

use super::super::{EXIT_FAILURE, EXIT_REFUSED, fail, print, say};
use super::sending::Plan;
use crate::client::records::{Layout, Records};
use crate::hub::DataStyle;
use crate::intake::{BatchFormat, Intake};
use crate::mapping::Map;
use crate::net::Clock;
use crate::scope::Scope;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Wrong lines that are named.
const NAMED: u64 = 20;

/// Checks all of `source`.
pub(super) fn run(mut source: impl Read, plan: &Plan) -> ExitCode {
    let intake = Intake::new(Map::default(), Vec::new(), DataStyle::Payload, plan.event_bytes);
    let (mut records, mut out) = (Records::new(plan.event_bytes), Vec::new());
    let mut buffer = vec![0; READ_BYTES];
    let (mut count, mut invalid) = (0_u64, 0_u64);
    let now = Clock::start().now().wall;
    loop {
        let (bytes, is_end) = match source.read(&mut buffer) {
            Ok(bytes) => (bytes, bytes == 0),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return fail(&format!("the input cannot be read: {error}"), EXIT_FAILURE),
        };
        let cut = if is_end { records.finish(&mut out) } else { records.push(&buffer[..bytes], &mut out) };
        for record in out.drain(..) {
            count += 1;
            if count <= plan.skip {
                continue;
            }
            let format = match records.layout() {
                Some(Layout::Json) => BatchFormat::Json,
                Some(Layout::Lines) | None => BatchFormat::Lines,
            };
            if let Err(error) = intake.batch(&record.text, format, &Scope::ALL, now, None) {
                invalid += 1;
                if invalid <= NAMED {
                    say(&format!("line {}: {error}", record.line));
                }
            }
        }
        if let Err(error) = cut {
            say(&format!("line {}: {}", error.line, error.kind));
            return fail("the input cannot be read beyond this line; nothing was sent", EXIT_REFUSED);
        }
        if is_end {
            break;
        }
    }
    if invalid > NAMED {
        say(&format!("and {} more", invalid - NAMED));
    }
    let checked = count.saturating_sub(plan.skip);
    if invalid > 0 {
        return fail(&format!("{invalid} of {checked} events are invalid; nothing was sent"), EXIT_REFUSED);
    }
    if plan.quiet {
        return ExitCode::SUCCESS;
    }
    print(&format!("{checked} events are valid; nothing was sent\n"))
}
