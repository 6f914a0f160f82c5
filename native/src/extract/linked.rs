//! The texts of a page's JSON-LD.

use super::comments::Comments;
use super::data::{Data, Limit};
use super::json::{Event, Json};
use super::page::Page;
use super::scanner::Span;

/// Properties of schema.org whose values are texts.
const BODIES: [&[u8]; 7] =
    [b"articleBody", b"text", b"reviewBody", b"recipeIngredient", b"recipeInstructions", b"transcript", b"step"];

/// The ends of types of things that a page names, but is not about.
const EXCLUDED: [&[u8]; 12] = [
    b"Organization",
    b"Corporation",
    b"Person",
    b"Brand",
    b"WebSite",
    b"ImageObject",
    b"VideoObject",
    b"Action",
    b"BreadcrumbList",
    b"Offer",
    b"Address",
    b"Element",
];

/// The ends of types whose description summarises a text.
const DESCRIBED: [&[u8]; 3] = [b"Article", b"Posting", b"Page"];

/// The properties of an object, as far as they are known at the end of the data.
#[derive(Clone, Copy, Default)]
struct Object {
    typed: bool,
    excluded: bool,
    described: bool,
    question: bool,
    comment: bool,
    body: bool,
}

#[derive(Clone, Copy)]
enum Role {
    Headline,
    Name,
    Body,
    Description,
}

/// A string that may be a text, and the number of its object.
type Candidate = (Span, Role, usize);

/// The texts of JSON-LD, without the comments of articles: bodies with their headlines, questions, and descriptions of
/// objects without another text.
pub fn linked(page: &Page, comments: Comments) -> Data {
    let mut data = Data::default();
    let mut limit = Limit::of(page.source);
    for &part in &page.tree.head.data {
        let (objects, found) = read(page.source.as_bytes(), part, &mut data, &mut limit);
        let article = objects.iter().any(|object| object.described && object.body);
        let without = comments == Comments::Drop || comments == Comments::Auto && article;
        for (span, role, owner) in found {
            let object = objects[owner];
            if object.comment && without {
                continue;
            }
            let included = match role {
                Role::Body => true,
                Role::Headline => object.body,
                Role::Name => object.question,
                Role::Description => object.typed && !object.described && !object.body,
            };
            if included && !object.excluded {
                data.push(page.text(span), matches!(role, Role::Headline | Role::Name));
            }
        }
    }
    data
}

fn read(source: &[u8], part: Span, data: &mut Data, limit: &mut Limit) -> (Vec<Object>, Vec<Candidate>) {
    let (mut objects, mut found) = (vec![Object::default()], Vec::new());
    let mut open = vec![0]; // for each open value, the object that its strings are in
    let mut json = Json::new(source, part);
    while let Some(event) = json.next() {
        let owner = open.last().copied().unwrap_or(0);
        match event {
            Event::Open if json.in_object() => {
                if !limit.take() {
                    data.cut = true;
                    break;
                }
                open.push(objects.len());
                objects.push(Object::default());
            }
            Event::Open => open.push(owner),
            Event::Close => drop(open.pop()),
            Event::Text(span) => {
                let object = &mut objects[owner];
                let role = match json.names()[0] {
                    b"@type" => {
                        classify(object, span.of(source));
                        continue;
                    }
                    b"headline" => Role::Headline,
                    b"name" => Role::Name,
                    b"description" => Role::Description,
                    name if BODIES.contains(&name) => Role::Body,
                    _ => continue,
                };
                object.body |= matches!(role, Role::Body);
                if limit.take() {
                    found.push((span, role, owner));
                } else {
                    data.cut = true;
                }
            }
        }
    }
    data.cut |= json.deep;
    (objects, found)
}

fn classify(object: &mut Object, kind: &[u8]) {
    let is = |ends: &[&[u8]]| ends.iter().any(|end| kind.ends_with(end));
    object.typed = true;
    object.excluded |= is(&EXCLUDED);
    object.described |= is(&DESCRIBED);
    object.question |= is(&[b"Question"]);
    object.comment |= is(&[b"Comment"]);
}
