-- A receiver is one of a tenant, so that what one tenant is owed can be held apart from what others are.
UPDATE deliveries SET receiver = tenant || chr(10) || receiver;
