//! A new database for a test, on a server that [`super::services`] has started.

use super::services::{unique, with_database};

/// A client of PostgreSQL.
pub async fn postgres(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A new database on the server at `address`: its url and a client.
pub async fn new_postgres(address: &str) -> (String, tokio_postgres::Client) {
    let database = unique();
    postgres(address).await.batch_execute(&format!("DROP DATABASE IF EXISTS {database}")).await.unwrap();
    postgres(address).await.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
    let url = with_database(address, &database);
    let client = postgres(&url).await;
    (url, client)
}

/// A new database on the server at `address`: its url and a client.
pub async fn new_mysql(address: &str) -> (String, mysql_async::Conn) {
    use mysql_async::prelude::Queryable;
    let database = unique();
    let mut client = mysql_async::Conn::from_url(address).await.unwrap();
    client.query_drop(format!("DROP DATABASE IF EXISTS {database}")).await.unwrap();
    client.query_drop(format!("CREATE DATABASE {database}")).await.unwrap();
    client.query_drop(format!("USE {database}")).await.unwrap();
    (with_database(address, &database), client)
}
