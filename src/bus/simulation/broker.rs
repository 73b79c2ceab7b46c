//! Redis, as the servers see it: it hands what is published to all who are subscribed, in one order.

use std::collections::BTreeSet;

use super::super::Job;
use super::node::{Arrival, Node, Reply};
use crate::id::Fingerprint;
use crate::stamp::{After, unmark};

#[derive(Default)]
pub(in crate::bus) struct Broker {
    pub(in crate::bus) is_up: bool,
    /// Messages whose publisher had shown its clients nothing from Redis before.
    first: BTreeSet<Fingerprint>,
}

impl Broker {
    /// Everybody who is subscribed gets the message, later.
    pub(in crate::bus) fn publish(&mut self, nodes: &mut [Node], text: &str) {
        let (envelope, mark) = unmark(text);
        if mark.is_some_and(|mark| mark.after == After::Nothing) {
            self.first.insert(Fingerprint::of(envelope.as_bytes()));
        }
        for node in nodes.iter_mut().filter(|node| node.is_subscribed) {
            node.inbound.push_back(Arrival::Message(text.to_owned()));
        }
    }

    /// A server's subscription is made, if one is wanted and can be; whether it was.
    pub(in crate::bus) fn connect(&mut self, node: &mut Node) -> bool {
        let can = self.is_up && !node.is_subscribed && node.bus.mode().subscribes();
        if can {
            node.is_subscribed = true;
            node.inbound.push_back(Arrival::Subscribed);
        }
        can
    }

    /// Whether this id is of a message whose publisher had shown its clients nothing from Redis before.
    pub(in crate::bus) fn is_first(&self, id: &str) -> bool {
        self.first.iter().any(|first| id.ends_with(&first.to_string()))
    }

    /// The next job of a server's publisher reaches Redis, or finds that it is not there.
    pub(in crate::bus) fn take_job(&mut self, nodes: &mut [Node], at: usize) {
        let Some(job) = nodes[at].jobs.pop_front() else { return };
        // What was given away before the bus knew of the failure is given back.
        let is_up = self.is_up && !nodes[at].is_publisher_broken;
        nodes[at].is_publisher_broken = false;
        let works = is_up && nodes[at].broken_in.is_none_or(|epoch| job.epoch() > epoch);
        nodes[at].broken_in = if works { None } else { nodes[at].broken_in.max(Some(job.epoch())) };
        if works {
            match &job {
                Job::Publish(message) => {
                    nodes[at].note_in_redis(&message.text);
                    self.publish(nodes, &message.text);
                }
                Job::Probe { token, .. } if nodes[at].is_subscribed => {
                    nodes[at].inbound.push_back(Arrival::Canary(*token));
                }
                Job::Probe { .. } => {}
            }
        }
        let subscribers = nodes.iter().filter(|node| node.is_subscribed).count() as u64;
        nodes[at].replies.push_back(Reply { job, works, is_lost: false, subscribers });
    }
}
