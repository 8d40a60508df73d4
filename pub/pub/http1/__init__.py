"""HTTP/1.1 as RFC 9112 defines it: heads and bodies of messages, read strictly. It knows neither jobs nor sockets."""
