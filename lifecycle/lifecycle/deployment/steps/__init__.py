"""The steps of a deployment: build, provision, switch, finish, and what each is made of."""
