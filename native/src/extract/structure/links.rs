//! Targets of links and images, as absolute URLs.

use oxiri::Iri;

use super::attributes::value;
use crate::extract::page::Page;

/// The URL that those of a page are relative to.
pub struct Base<'a> {
    page: &'a Page<'a>,
    url: Option<Iri<String>>,
}

/// The most bytes of a target.
const LONGEST: usize = 2000;

impl<'a> Base<'a> {
    pub fn of(page: &'a Page<'a>) -> Self {
        let own = Iri::parse(page.url.to_owned()).ok();
        let base = page.tree.head.base.map(|base| page.text(base).trim().to_owned());
        let url = match (&own, base) {
            (Some(own), Some(base)) => own.resolve(&base).ok().or_else(|| Some(own.clone())),
            (None, Some(base)) => Iri::parse(base).ok(),
            (_, None) => own,
        };
        Base { page, url }
    }

    /// The target of a link; none if it is on the page, or no address of a resource.
    pub fn target(&self, node: u32) -> Option<String> {
        self.absolute(node, "href")
    }

    /// The URL and the alternative text of an image.
    pub fn image(&self, node: u32) -> (Option<String>, Option<String>) {
        let markup = self.page.tree.markup[node as usize];
        let label = value(self.page.source, markup, "alt", self.page.entities).map(|label| {
            let words: Vec<&str> = label.split_whitespace().collect();
            words.join(" ")
        });
        (self.absolute(node, "src"), label.filter(|label| !label.is_empty()))
    }

    fn absolute(&self, node: u32, name: &str) -> Option<String> {
        let given = value(self.page.source, self.page.tree.markup[node as usize], name, self.page.entities)?;
        let kept: String = given.trim().chars().filter(|c| !c.is_ascii_control()).collect();
        let kept = kept.replace(' ', "%20");
        if kept.is_empty() || kept.starts_with('#') || kept.len() > LONGEST {
            return None;
        }
        let made = match &self.url {
            Some(base) => base.resolve_unchecked(&kept).into_inner(),
            None => kept,
        };
        (made.starts_with("http://") || made.starts_with("https://")).then_some(made)
    }
}
