// Hosts the precompiled header.
