"""Tables, repositories, the unit of work, migrations: the only place that knows SQLAlchemy."""
