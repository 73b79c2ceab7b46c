//! Follows the events of a ssecast: `follow URL`.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::thread::sleep;
use std::time::Duration;

/// Three heartbeats.
const SILENCE: Duration = Duration::from_secs(45);

/// What is kept from one connection to the next.
struct Place {
    last_id: String,
    retry: Duration,
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: follow URL")?;
    let mut place = Place { last_id: String::new(), retry: Duration::from_secs(3) };
    loop {
        if let Err(error) = follow(&url, &mut place) {
            eprintln!("{error}, again in {:?}", place.retry);
        }
        sleep(place.retry);
    }
}

fn follow(url: &str, place: &mut Place) -> Result<(), Box<dyn Error>> {
    let request = attohttpc::get(url).read_timeout(SILENCE).header("Last-Event-ID", &place.last_id);
    let response = request.send()?.error_for_status()?;
    if place.last_id.is_empty() {
        refetch();
    }
    let (mut id, mut name, mut data) = (String::new(), String::new(), String::new());
    for line in BufReader::new(response).lines() {
        let line = line?;
        match line.split_once(": ").unwrap_or((&line, "")) {
            ("retry", ms) => place.retry = Duration::from_millis(ms.parse()?),
            ("id", value) => value.clone_into(&mut id),
            ("event", value) => value.clone_into(&mut name),
            ("data", value) => data = if data.is_empty() { value.to_owned() } else { data + "\n" + value },
            ("", "") if !name.is_empty() => {
                match name.as_str() {
                    "gap" => refetch(),
                    "ping" => {}
                    _ => apply(&name, &data),
                }
                if !id.is_empty() {
                    place.last_id = std::mem::take(&mut id);
                }
                name.clear();
                data.clear();
            }
            _ => {}
        }
    }
    Ok(())
}

fn refetch() {
    println!("refetch");
}

fn apply(name: &str, data: &str) {
    println!("{name} {data}");
}
