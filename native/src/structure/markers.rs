//! Texts without the signs that stand for marks. Twin: `without_markers` of `refinery.kernels.reference.marks`.

use super::tree::{Kind, Mark, Tree};

/// Make a form of a text without marks of the kind `marker` and what they cover.
pub fn without_markers(tree: Tree<'_>, make: fn(&Tree<'_>) -> String) -> String {
    if tree.marks.iter().all(|mark| mark.kind != Kind::Marker) {
        return make(&tree);
    }
    let (mut text, mut end) = (String::with_capacity(tree.text.len()), 0);
    let mut ends = Vec::new(); // of markers, and the bytes that are gone up to there
    let mut kept = Vec::with_capacity(tree.marks.len() + 1); // marks that stay before each mark
    let (mut stay, mut gone) = (0, 0);
    for (at, mark) in tree.marks.iter().enumerate() {
        if at < kept.len() {
            continue; // below a marker
        }
        kept.push(stay);
        if mark.kind == Kind::Marker {
            kept.resize(mark.after, stay);
            text.push_str(&tree.text[end..mark.start]);
            end = mark.end;
            gone += mark.end - mark.start;
            ends.push((end, gone));
        } else {
            stay += 1;
        }
    }
    kept.push(stay);
    text.push_str(&tree.text[end..]);
    let moved = |place: usize| match ends.partition_point(|(end, _)| *end <= place) {
        0 => place,
        cuts => place - ends[cuts - 1].1,
    };
    let stays = |at: usize| kept[at + 1] > kept[at];
    let marks = tree.marks.iter().enumerate().filter(|(at, _)| stays(*at)).map(|(_, mark)| Mark {
        start: moved(mark.start),
        end: moved(mark.end),
        after: kept[mark.after],
        ..*mark
    });
    make(&Tree { text: &text, marks: marks.collect() })
}
