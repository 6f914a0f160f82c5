//! Metrics of URLs. Twin: `refinery.kernels.reference.urls`.

mod address;
mod blocklist;
mod words;

use std::collections::{HashMap, HashSet};

use arrow_array::builder::{ListBuilder, StringBuilder, UInt32Builder};
use arrow_array::{Array, StringArray, UInt32Array};
use arrow_schema::{DataType, Field};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::Classes;
use crate::strings::{strings, text};
use address::{Address, Found, Suffixes};
use blocklist::{Blocklist, Parts};
use words::{Finding, Words, KINDS};

const NOTHING: &str = "none";

/// The twin's `UrlRules`, prepared for look-ups.
#[pyclass(frozen)]
pub struct PreparedUrlRules {
    lists: Vec<Blocklist>,
    allow: HashSet<String>,
    curated: HashSet<String>,
    suffixes: Suffixes,
    words: Words,
}

#[pymethods]
impl PreparedUrlRules {
    #[new]
    fn new(
        lists: Vec<Parts>,
        allow: HashSet<String>,
        curated: HashSet<String>,
        suffixes: Vec<String>,
        words: [Vec<String>; KINDS.len()],
        lower: HashMap<char, String>,
    ) -> PyResult<Self> {
        Ok(PreparedUrlRules {
            lists: lists.into_iter().map(Blocklist::new).collect::<PyResult<_>>()?,
            allow,
            curated,
            suffixes: Suffixes::new(&suffixes),
            words: Words::new(words, lower)?,
        })
    }

    /// The columns of the twin, and the rows that are left to it.
    fn metrics(&self, py: Python<'_>, urls: InputArray, classes: &[u8]) -> PyResult<(Vec<OutputArray>, OutputArray)> {
        let classes = Classes::try_from(classes)?;
        let urls = strings(&urls)?;
        py.allow_threads(|| self.measure(urls, classes))
    }
}

/// A listed entry and its category.
type Hit<'a> = (&'a str, &'a str);

impl PreparedUrlRules {
    fn measure(&self, urls: &StringArray, classes: Classes<'_>) -> PyResult<(Vec<OutputArray>, OutputArray)> {
        let mut columns = Columns::new();
        let mut odd = Vec::new();
        let mut address = Address::default();
        let mut words = Finding::new(&self.words, classes);
        for row in 0..urls.len() {
            let url = text(urls, row)?;
            let found = address.read(url, classes);
            let looked = words.look(url);
            match (found, looked) {
                (Found::Odd, _) | (_, None) => {
                    odd.push(row as u32);
                    columns.add("", &[], &[], NOTHING, None);
                }
                (Found::Defect(defect), Some(())) => columns.add(defect, &[], &[], NOTHING, Some(&words)),
                (Found::Address, Some(())) => self.add(&address, &words, &mut columns),
            }
        }
        Ok((columns.done(), OutputArray::new(UInt32Array::from(odd))))
    }

    fn add(&self, address: &Address, words: &Finding<'_>, columns: &mut Columns) {
        let hosts = || self.suffixes.domains(&address.host);
        let mut domain = Vec::new();
        let mut page = Vec::new();
        for list in &self.lists {
            domain.extend(hosts().filter_map(|host| self.hit(list, host)));
            page.extend(self.hit(list, &address.page));
        }
        let curated = hosts().find(|host| self.curated.contains(*host)).unwrap_or(NOTHING);
        columns.add(NOTHING, &domain, &page, curated, Some(words));
    }

    fn hit<'a>(&self, list: &'a Blocklist, entry: &'a str) -> Option<Hit<'a>> {
        let category = list.category(entry)?;
        (!self.allow.contains(entry)).then_some((entry, category))
    }
}

/// The columns under construction.
struct Columns {
    defect: StringBuilder,
    domain: StringBuilder,
    page: StringBuilder,
    counts: [UInt32Builder; KINDS.len()],
    curated: StringBuilder,
    matched: ListBuilder<StringBuilder>,
}

impl Columns {
    fn new() -> Self {
        Columns {
            defect: StringBuilder::new(),
            domain: StringBuilder::new(),
            page: StringBuilder::new(),
            counts: std::array::from_fn(|_| UInt32Builder::new()),
            curated: StringBuilder::new(),
            matched: ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, true)),
        }
    }

    fn add(&mut self, defect: &str, domain: &[Hit<'_>], page: &[Hit<'_>], curated: &str, words: Option<&Finding<'_>>) {
        self.defect.append_value(defect);
        self.domain.append_value(first_category(domain));
        self.page.append_value(first_category(page));
        self.curated.append_value(curated);
        for (kind, counts) in self.counts.iter_mut().enumerate() {
            counts.append_value(words.map_or(0, |words| words.count(kind)));
        }
        let matched = self.matched.values();
        for (entry, _) in domain.iter().chain(page) {
            matched.append_value(entry);
        }
        for (kind, word) in words.into_iter().flat_map(Finding::found) {
            matched.append_value(format!("{kind} {word}"));
        }
        self.matched.append(true);
    }

    /// In the order of the twin.
    fn done(mut self) -> Vec<OutputArray> {
        let [strict, hard, soft] = &mut self.counts;
        vec![
            OutputArray::new(self.defect.finish()),
            OutputArray::new(self.domain.finish()),
            OutputArray::new(self.page.finish()),
            OutputArray::new(strict.finish()),
            OutputArray::new(hard.finish()),
            OutputArray::new(soft.finish()),
            OutputArray::new(self.curated.finish()),
            OutputArray::new(self.matched.finish()),
        ]
    }
}

fn first_category<'a>(hits: &[Hit<'a>]) -> &'a str {
    hits.first().map_or(NOTHING, |(_, category)| category)
}
