//! Canonical hosts, their parent domains and pages of URLs. Twin: `refinery.kernels.reference.addresses`.
//!
//! Only plain hosts are read here. The few that need Unicode's tables, percent-decoding or the rules of IP addresses
//! are left to the twin.

use std::collections::HashMap;

use crate::classes::{Classes, SPACE};

const LONGEST_NAME: usize = 253;

/// The result of reading a URL.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Host and page are in the buffers.
    Address,
    Defect(&'static str),
    /// The twin must look.
    Odd,
}

/// Buffers that are filled again for each URL.
#[derive(Default)]
pub struct Address {
    pub host: String,
    pub page: String,
}

impl Address {
    /// Read a URL.
    pub fn read(&mut self, url: &str, classes: Classes<'_>) -> Found {
        let url = url.trim_matches(|character| classes.of(character) & SPACE != 0);
        if url.is_empty() {
            return Found::Defect("missing");
        }
        let Some(rest) = after_scheme(url) else { return Found::Defect("no_scheme") };
        let place = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(place);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = without_port(authority);
        if host.is_empty() {
            return Found::Defect("no_host");
        }
        if !host.is_ascii() || host.contains(['%', '[']) {
            return Found::Odd;
        }
        if let Some(defect) = self.read_host(host) {
            return defect;
        }
        let path = path.split_once('#').map_or(path, |(before, _)| before);
        self.page.clear();
        self.page.push_str(&self.host);
        self.page.push('/');
        self.page.push_str(path.strip_prefix('/').unwrap_or(path).trim_end_matches('/'));
        Found::Address
    }

    /// Write the canonical form of an ASCII host to `host`, or return its defect.
    fn read_host(&mut self, host: &str) -> Option<Found> {
        let bare = host.strip_suffix('.').unwrap_or(host);
        if bare.len() > LONGEST_NAME || !is_name(bare) {
            return Some(Found::Defect("bad_host"));
        }
        if bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Some(Found::Odd);
        }
        self.host.clear();
        self.host.push_str(bare);
        self.host.make_ascii_lowercase();
        if self.host.strip_prefix("www.").is_some_and(|rest| rest.contains('.')) {
            self.host.drain(.."www.".len());
        }
        None
    }
}

/// The rest after `scheme://`, whose slashes may lean either way.
fn after_scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next()?.is_ascii_alphabetic()
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
    let rest = rest.strip_prefix(['/', '\\'])?.strip_prefix(['/', '\\'])?;
    is_scheme.then_some(rest)
}

fn without_port(authority: &str) -> &str {
    authority.trim_end_matches(|character: char| character.is_ascii_digit()).strip_suffix(':').unwrap_or(authority)
}

/// True if these are labels of letters, digits, `-` and `_`, none of them empty.
fn is_name(host: &str) -> bool {
    let mut last = b'.';
    for byte in host.bytes() {
        let fits = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && last != b'.');
        if !fits {
            return false;
        }
        last = byte;
    }
    last != b'.'
}

const EXACT: u8 = 1;
const WILDCARD: u8 = 2;
const EXCEPTION: u8 = 4;

/// Rules of the Public Suffix List.
pub struct Suffixes(HashMap<String, u8>);

impl Suffixes {
    pub fn new(rules: &[String]) -> Self {
        let mut kinds = HashMap::with_capacity(rules.len());
        for rule in rules {
            // A rule may be read in more than one way, as the twin reads it.
            *kinds.entry(rule.clone()).or_default() |= EXACT;
            for (prefix, kind) in [("*.", WILDCARD), ("!", EXCEPTION)] {
                if let Some(name) = rule.strip_prefix(prefix) {
                    *kinds.entry(name.to_owned()).or_default() |= kind;
                }
            }
        }
        Suffixes(kinds)
    }

    /// The host and its parent domains down to the registered domain, longest first. The host is no IP address.
    pub fn domains<'h>(&self, host: &'h str) -> impl Iterator<Item = &'h str> {
        let labels = host.split('.').count();
        let parents = labels.saturating_sub(self.public_labels(host, labels) + 1);
        std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent)).take(parents + 1)
    }

    fn public_labels(&self, host: &str, labels: usize) -> usize {
        let mut name = host;
        for count in (1..=labels).rev() {
            match self.0.get(name).copied().unwrap_or(0) {
                kinds if kinds & EXCEPTION != 0 => return count - 1,
                kinds if kinds & WILDCARD != 0 => return count + usize::from(count < labels),
                kinds if kinds & EXACT != 0 => return count,
                _ => name = name.split_once('.').map_or("", |(_, parent)| parent),
            }
        }
        1
    }
}
