//! A request that may come twice and is to be done once.

/// What such a request is known by. Both are hashes: nothing of the request can be read from them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// Of the key that the client chose, who the client is, and the route.
    pub name: String,
    /// Of everything that the answer depends on.
    pub request: String,
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What is known of a request before it is worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is new, and now in work.
    First,
    /// It was answered.
    Answered(Given),
    /// The same is in work.
    InWork,
    /// The name belongs to another request.
    Other,
}
