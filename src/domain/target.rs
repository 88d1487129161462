//! What a request points at.

/// The object in trouble, as far as the request names it. `None` = not named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Lower-case singular kind: `deployment`, `pod`, `node`, ...
    pub kind: Option<String>,
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub label_selector: Option<String>,
    pub pod: Option<String>,
    pub deployment: Option<String>,
    pub container: Option<String>,
}
