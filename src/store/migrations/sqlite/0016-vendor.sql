-- What is kept of the vendor's terminal answer, as JSON. Lists show it, so it stands apart from the state.
ALTER TABLE runs ADD COLUMN vendor TEXT;
