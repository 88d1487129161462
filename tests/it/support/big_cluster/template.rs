//! Text with `@PLACES@` to fill in: ten thousand pods are written faster than they are put together.

#[derive(Clone)]
pub struct Template {
    /// Text and, behind it, the name of a place; the last has none.
    pieces: Vec<(String, Option<String>)>,
}

impl Template {
    /// Without the line breaks and the spaces behind `:` and `,` that make the text readable, but mean nothing.
    pub fn new(text: &str) -> Self {
        let text: String = text.lines().map(str::trim).collect();
        let text = text.replace("\": ", "\":").replace(", \"", ",\"").replace(", {", ",{");
        let mut parts = text.split('@');
        let mut pieces = Vec::new();
        while let Some(before) = parts.next() {
            pieces.push((before.to_owned(), parts.next().map(str::to_owned)));
        }
        Self { pieces }
    }

    /// With some places filled in; the others remain.
    pub fn with(&self, values: &[(&str, &str)]) -> Self {
        let mut pieces: Vec<(String, Option<String>)> = Vec::new();
        let mut text = String::new();
        for (before, place) in &self.pieces {
            text.push_str(before);
            match place.as_ref().map(|place| (place, value_of(place, values))) {
                Some((_, Some(value))) => text.push_str(value),
                Some((place, None)) => pieces.push((std::mem::take(&mut text), Some(place.clone()))),
                None => {}
            }
        }
        pieces.push((text, None));
        Self { pieces }
    }

    /// With all places filled in.
    pub fn text(&self, values: &[(&str, &str)]) -> String {
        let mut text = String::with_capacity(8192);
        for (before, place) in &self.pieces {
            text.push_str(before);
            if let Some(place) = place {
                text.push_str(value_of(place, values).unwrap_or_else(|| panic!("nothing is said of {place}")));
            }
        }
        text
    }
}

fn value_of<'v>(place: &str, values: &[(&str, &'v str)]) -> Option<&'v str> {
    values.iter().find(|(name, _)| *name == place).map(|(_, value)| *value)
}
